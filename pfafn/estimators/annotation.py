"""Annotations of a data set's people by a parser, and whether they can be true."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pfafn.annotations.agreement import Agreement, agreement
from pfafn.annotations.body_parts import derive_body_parts
from pfafn.annotations.parsing import IDENTITY
from pfafn.annotations.plausibility import doubts
from pfafn.annotations.systematic import of_persons
from pfafn.estimators import files
from pfafn.estimators.parser import PhotoParser
from pfafn.estimators.people import People, people
from pfafn.kit import machine
from pfafn.kit.errors import UserError
from pfafn.kit.files import file_hash
from pfafn.models.parts import Category, Keypoint
from pfafn.photos.images import quick_gray, quick_rgb
from pfafn.samples.shards import Shards

# Parsers compute on the CPU in full precision, so that only its kind can change a last bit.
ROUNDING = {"device": machine.kind(torch.device("cpu")), "precision": "float32"}
HOW = "`pfafn train-parser` makes one from annotated photos, and says its SHA-256"


class NoParser(UserError, FileNotFoundError):
    """A model's file is missing or another one; the message says what to do."""


class Implausible(UserError, ValueError):
    """Most of the estimates cannot be true; the message says in what way."""


class Pictured(NamedTuple):
    """A person by the row of her photo in `prepare`'s shards, her name and her garment's kind."""

    item: int
    name: str
    category: str


class Estimated(NamedTuple):
    """Annotations of one person, in pixels of the prepared photo [H, W]."""

    parsing: NDArray[np.uint8]  # [H, W], ids of `Parsing`
    body_parts: NDArray[np.uint8]  # [H, W], ids of `BodyPart`
    keypoints: NDArray[np.float32]  # [18, 3]: x, y, score; 0, 0, 0 if missing


def known_parser(file: Path, sha256: str) -> dict[str, Any]:
    """What provenance says of a parser: file, SHA-256, and what its card tells of its training.

    sha256: what the file's begins with. Raises NoParser, or ModelError for a file that is none.
    """
    if not file.is_file():
        raise NoParser(f"annotate.parser is {file}: there is no such file; {HOW}")
    if not (found := file_hash(file)).startswith(sha256):
        raise NoParser(
            f"{file} is not the file of annotate.sha256: its SHA-256 is {found}, expected "
            f"{sha256}; bring that file back, or set annotate.sha256 to this one's"
        )
    _, card = PhotoParser.load(file)
    told = {name: card[name] for name in ("licence", "trained_on", "held_out", "inputs")}
    return {"file": file.as_posix(), "sha256": found, **told}


def known_people() -> dict[str, Any]:
    """What provenance says of other people's models; NoParser if they are not here."""
    if people() is None:
        raise NoParser(
            f"annotate.pose is others, but their files are not in {files.folder()}: {files.HOW}; "
            "or set it to parser"
        )
    return files.card()


def estimate(
    person: Pictured, *, persons: Path, parser: Path, others: Path | None = None
) -> Estimated:
    """Annotate a person of the shards in `persons`; the same numbers whoever does it.

    others: the folder of other people's models, if they tell the keypoints.
    """
    photo = _photo(person, persons)
    with _one_thread():
        parsing, points = _parser(parser).see(photo)
        if others:
            points = _people(others).pose(photo)
    return Estimated(parsing, derive_body_parts(points, parsing), points)


def look(person: Pictured, *, persons: Path, annotated: Path) -> Agreement:
    """How well the annotations of a person, in the shards of `annotated`, agree with the photo."""
    row, rgb = _shards(annotated)[person.item], _photo(person, persons)
    parsing = quick_gray(row["parsing"], f"parsing map of {person.name}")
    points = np.asarray(row["keypoints"], np.float32).reshape(len(Keypoint), 3)
    category = Category[person.category.upper()]
    return agreement(parsing, IDENTITY, points, parsing.shape, rgb, category)


def doubtful(people: Sequence[Pictured], found: Sequence[Agreement], parser: Path) -> list[str]:
    """The names of those whose annotations cannot be true, of what `look` has found.

    Raises Implausible if that is so for most.
    """
    for category in Category:
        name = category.name.lower()
        ours = [one for person, one in zip(people, found, strict=True) if person.category == name]
        if doubt := of_persons(ours):
            raise Implausible(
                f"{parser}: its estimates cannot be true: {doubt.text}. It was trained on other "
                "photos than these: train one on photos that look like them"
            )
    return [
        person.name
        for person, one in zip(people, found, strict=True)
        if any(doubt.rejects for doubt in doubts(one, Category[person.category.upper()]))
    ]


@lru_cache(1)
def _parser(file: Path) -> PhotoParser:
    return PhotoParser.load(file)[0]


@lru_cache(1)
def _people(folder: Path) -> People:
    return People.load(folder)


@lru_cache(2)
def _shards(folder: Path) -> Shards:
    return Shards(folder)


def _photo(person: Pictured, persons: Path) -> NDArray[np.uint8]:
    return quick_rgb(_shards(persons)[person.item]["image"], f"photo of {person.name}")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: there is a worker for each core, and sums round alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
