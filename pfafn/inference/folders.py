"""Try-on over files: pictures in, one picture per pair out; a bad one never stops the others."""

import os
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pfafn.inference.tryon import EncodedGarment, TryOn
from pfafn.kit.errors import UserError
from pfafn.kit.progress import Progress
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels, encode_png

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
JPEG_QUALITY = 95
HELD = 8  # encoded garments in memory: about as much as one try-on itself takes


class TryOnError(UserError, ValueError):
    """The files asked for do not make a list of try-ons; the message says what is wrong."""


class Job(NamedTuple):
    """One try-on: files in, file out. mask None is estimated from the garment's picture."""

    person: Path
    garment: Path
    mask: Path | None
    out: Path


def jobs(
    person: Path, garment: Path, mask: Path | None, out: Path, pairs: Path | None = None
) -> list[Job]:
    """What to do, from the arguments of `tryon`.

    With a pairs file, person, garment, mask and out are folders and each of its lines is a job.
    Without, every person (a file, or all pictures of a folder) tries on every garment; for two
    files out is a file, or an existing folder. Raises TryOnError if something is missing or
    ambiguous.
    """
    for path in filter(None, (person, garment, mask, pairs)):
        if not path.exists():
            raise TryOnError(f"{path}: no such file or folder")
    if pairs is not None:
        chosen = [(person / p, garment / g) for p, g in read_pairs(pairs, person, garment)]
    elif person.is_file() and garment.is_file() and not out.is_dir():
        return [Job(person, garment, mask_of(garment, mask), checked_format(out))]
    else:
        chosen = [(p, g) for p in pictures(person) for g in pictures(garment)]
    named = [
        Job(p, g, mask_of(g, mask), out / f"{p.stem}__{g.stem}.png")
        for p, g in dict.fromkeys(chosen)
    ]
    first: dict[Path, Job] = {}
    for job in named:
        other = first.setdefault(job.out, job)
        if other is not job:
            raise TryOnError(
                f"{job.person} with {job.garment} and {other.person} with {other.garment} would "
                f"both be {job.out.name}; rename one"
            )
    return named


def read_pairs(pairs: Path, person: Path, garment: Path) -> list[tuple[str, str]]:
    """The lines "person.jpg garment.jpg" of a pairs file; names with spaces need a tab between."""
    for folder in (person, garment):
        if not folder.is_dir():
            raise TryOnError(f"{folder}: with --pairs, --person and --garment are folders")
    listed = []
    for number, line in enumerate(pairs.read_text(errors="replace").splitlines(), 1):
        names = line.split("\t") if "\t" in line else line.split()
        if names and len(names) != 2:
            raise TryOnError(
                f"{pairs}, line {number}: expected a person's and a garment's file name, "
                f"got {line!r:.80}"
            )
        names = [name.strip() for name in names]
        for name in names:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise TryOnError(f"{pairs}, line {number}: {name!r:.80} leads out of the folder")
        listed += [(names[0], names[1])] if names else []
    if not listed:
        raise TryOnError(f"{pairs}: no pairs in it")
    return listed


def pictures(path: Path) -> list[Path]:
    """The file itself, or the pictures of a folder by name."""
    if path.is_file():
        return [path]
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
    if not files:
        raise TryOnError(f"{path}: no pictures in it ({', '.join(PICTURES)})")
    return files


def mask_of(garment: Path, mask: Path | None) -> Path | None:
    """The mask file of a garment: mask itself, or in a folder the one of the same name."""
    if mask is None or not mask.is_dir():
        return mask
    named = [mask / f"{garment.stem}{suffix}" for suffix in (".png", *PICTURES)]
    return next((path for path in named if path.is_file()), named[0])


def checked_format(out: Path) -> Path:
    """The path itself, if its suffix is a format that is written."""
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise TryOnError(f"{out}: the result is written as .png or .jpg; choose one of these")
    return out


def dress_all(model: TryOn, todo: list[Job]) -> dict[Job, str]:
    """Do all jobs; return those that failed, and why. Each result appears whole or not at all.

    A picture is decoded and encoded once for all jobs that lie near each other; how many are held
    does not grow with their number.
    """
    person = lru_cache(1)(lambda path: model.encode_person(PersonPhoto.read(path)))
    garment = lru_cache(HELD)(partial(encode_garment, model))
    failures = {}
    with Progress("tryon", len(todo), unit="pictures") as progress:
        for job in in_blocks(todo):
            try:
                pair = person(job.person), garment(job.garment, job.mask)
                write_picture(job.out, model.dress([pair])[0])
            except (UserError, OSError) as error:
                failures[job] = str(error)
            progress.advance()
    return {job: failures[job] for job in todo if job in failures}


def in_blocks(todo: list[Job]) -> list[Job]:
    """The jobs in an order that goes through the persons once for every HELD garments."""
    places = {}
    persons: dict[Path, int] = {}  # each one's place in the order of first appearance
    garments: dict[tuple[Path, Path | None], int] = {}
    for job in todo:
        person = persons.setdefault(job.person, len(persons))
        garment = garments.setdefault((job.garment, job.mask), len(garments))
        places[job] = garment // HELD, person
    return sorted(todo, key=places.__getitem__)


def encode_garment(model: TryOn, path: Path, mask: Path | None) -> EncodedGarment:
    """A garment from the files of photo and mask; a UserError that names the file if unusable."""
    photo = GarmentPhoto.read(path, mask)
    try:
        return model.encode_garment(photo)
    except PictureError as error:
        raise TryOnError(f"{path}: {error}") from error


def write_picture(path: Path, image: Pixels) -> None:
    """Write a PNG or JPEG atomically, making the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    content = encode_png(image) if path.suffix.lower() == ".png" else encode_jpeg(image)
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def encode_jpeg(image: Pixels) -> bytes:
    """JPEG bytes of RGB [H, W, 3]."""
    bgr = np.ascontiguousarray(image[..., ::-1])
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def report(failures: Mapping[Job, str]) -> str:
    """One line per failure: which pair, and why."""
    return "\n".join(
        f"failed: {job.person.name} with {job.garment.name}: {reason}"
        for job, reason in failures.items()
    )
