"""Stage annotate: parsing, body parts and keypoints of every item, in one form and size.

reads   data/, artifacts/prepare/: manifest.parquet, persons/; to estimate, the parser's file
writes  artifacts/annotate/: shards/ (row i = item i), metrics.json, provenance.json

For the tutor only. Parsing and keypoints come from the data set, or a parser estimates them; body
parts come from the data set if it has DensePose, else they are derived from the other two.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow.parquet import read_table

from pfafn.annotations.body_parts import derive_body_parts
from pfafn.annotations.keypoints import Points, read_keypoints
from pfafn.annotations.parsing import SCHEMES, Ids, canonical
from pfafn.data.files import number_of_files
from pfafn.data.inspection import decode_body_parts
from pfafn.data.layouts import LAYOUTS, detect
from pfafn.kit.errors import UserError
from pfafn.kit.files import MissingInput, require, write_json
from pfafn.models.parts import BodyPart, Keypoint, Parsing
from pfafn.params.file import Params
from pfafn.photos.fitting import fit, fit_points
from pfafn.photos.images import decode_ids, encode_png, read_bytes
from pfafn.samples.shards import ShardWriter
from pfafn.stages.entry import main
from pfafn.stages.output import stage_output
from pfafn.stages.workplace import need
from pfafn.workers.pool import expect, ordered_map

PARAMS = ("image", "annotate")
SCHEMA = pa.schema(
    [
        ("parsing", pa.binary()),
        ("body_parts", pa.binary()),
        ("keypoints", pa.list_(pa.float32(), 3 * len(Keypoint))),
        ("body_parts_source", pa.string()),
    ]
)
BodyPartsFrom = Literal["auto", "files", "derived"]
FEATURES = ("parsing", "keypoints", "body_parts")


class AnnotationError(UserError, ValueError):
    """An annotation file cannot be used; the message names it."""


class Person(NamedTuple):
    """One manifest row's annotation files, and the source picture's (height, width)."""

    name: str
    parsing: Path | None
    keypoints: Path | None
    body_parts: Path | None
    size: tuple[int, int]
    scheme: str  # of the parsing map's ids


def run(params: Params, data: Path, prepare: Path, out: Path) -> dict[str, float]:
    """Annotate every item of the manifest; return the metrics.

    Raises MissingInput if `prepare` has not run, or if params.annotate.body_parts is "files" and a
    person has none. To estimate, NoParser if the parser's file is missing or another one,
    ModelError if it holds none, Implausible if most of the estimates cannot be true.
    """
    params = params.only(*PARAMS)
    table = require(prepare / "manifest.parquet", "prepare")
    read = [data, table, require(prepare / "persons", "prepare")]
    if params.annotate.estimates:
        return _estimate(params, read, out)
    layout = detect(data)
    expect(number_of_files(data))
    source: BodyPartsFrom = params.annotate.body_parts
    with stage_output(out, read, params) as output:
        persons = [_person(row, data.absolute()) for row in read_table(table).to_pylist()]
        if source == "files":
            _need_body_parts(persons, data)
        need(out.parent, len(persons) * params.image.height * params.image.width, "the id maps")
        work = partial(annotate_person, layout=layout.name, source=source, size=params.image.size)
        with ShardWriter(output.work / "shards", SCHEMA, resume=True) as shards:
            for row in ordered_map(
                work, persons, "annotate", shards.rows,
                reads=[data], name=lambda person: person.name,
            ):  # fmt: skip
                shards.append(row)
        output.take("shards")
        output.samples = len(persons)
        metrics = counts(persons, source)
        write_json(output / "metrics.json", metrics)
    return metrics


def _estimate(params: Params, read: list[Path], out: Path) -> dict[str, float]:
    """Let the parser annotate every item, and look whether that can be true."""
    from pfafn.estimators import annotation, files  # which load torch

    _, table, persons = read
    file = Path(params.annotate.parser)
    told = {"parser": annotation.known_parser(file, params.annotate.sha256)}
    others = None
    if params.annotate.pose == "others":
        told["others"], others = annotation.known_people(), files.folder()
    persons = persons.absolute()
    rows = read_table(table, columns=["item", "person", "category"]).to_pylist()
    people = [annotation.Pictured(*row.values()) for row in rows]
    how = {"reads": [persons], "name": lambda person: person.name}
    with stage_output(out, [*read, file], params, annotation.ROUNDING) as output:
        need(out.parent, len(people) * params.image.height * params.image.width, "the id maps")
        made = output.work / "shards"
        models = {"parser": file.absolute(), "others": others}
        work = partial(estimate_person, persons=persons, **models)
        with ShardWriter(made, SCHEMA, resume=True) as shards:
            for row in ordered_map(work, people, "estimate", shards.rows, **how):
                shards.append(row)
        work = partial(annotation.look, persons=persons, annotated=made.absolute())
        found = list(ordered_map(work, people, "look at the estimates", **how))
        doubtful = annotation.doubtful(people, found, file)
        output.take("shards")
        output.samples = len(people)
        output.extra = {**told, "implausible": doubtful}
        metrics = {"persons": len(people), "estimated": len(people), "implausible": len(doubtful)}
        write_json(output / "metrics.json", metrics)
    return metrics


def estimate_person(person: Any, **how: Any) -> dict[str, Any]:
    """The shard row of a person whom the parser annotates; see `annotation.estimate`."""
    from pfafn.estimators import annotation

    found = annotation.estimate(person, **how)
    return _row(*found, "derived")


def counts(persons: list[Person], source: BodyPartsFrom) -> dict[str, float]:
    """How many persons have which annotations."""
    from_files = 0 if source == "derived" else sum(p.body_parts is not None for p in persons)
    return {
        "persons": len(persons),
        "body_parts_from_files": from_files,
        "body_parts_derived": len(persons) - from_files,
        "without_parsing": sum(person.parsing is None for person in persons),
        "without_keypoints": sum(person.keypoints is None for person in persons),
    }


def _person(row: dict[str, Any], data: Path) -> Person:
    names = (row[f"{feature}_file"] for feature in FEATURES)
    paths = (name and data / name for name in names)
    return Person(row["person"], *paths, (row["height"], row["width"]), row["scheme"])


def _need_body_parts(persons: list[Person], data: Path) -> None:
    lacking = [person.name for person in persons if person.body_parts is None]
    if lacking:
        raise MissingInput(
            f"{data}: {len(lacking)} of {len(persons)} persons have no body parts file, "
            f"for example {lacking[0]}; set annotate.body_parts to auto or derived in params.yaml"
        )


def annotate_person(
    person: Person, *, layout: str, source: BodyPartsFrom, size: tuple[int, int]
) -> dict[str, Any]:
    """The shard row of a person, at size = (height, width).

    A test person without a parsing or keypoint file gets background or missing points. Raises
    AnnotationError naming a file that cannot be read.
    """
    parsing = np.full(size, Parsing.BACKGROUND, np.uint8)
    points = np.zeros((len(Keypoint), 3), np.float32)
    drawn_in, whole = LAYOUTS[layout].drawn_in, None
    fitted = partial(fit, size=size, interpolation="nearest")
    if person.parsing is not None:
        ids = _read(person.parsing, lambda content: decode_ids(content, "parsing"))
        whole = canonical(ids, SCHEMES[person.scheme])
        parsing = fitted(whole, fill=Parsing.BACKGROUND)
    if person.keypoints is not None:
        found = _read(person.keypoints, lambda c: read_keypoints(c, person.size, drawn_in, whole))
        points = fit_points(found, person.size, size)
    if person.body_parts is not None and source != "derived":
        path = person.body_parts
        parts = _read(path, lambda content: decode_body_parts(content, path.suffix, person.size))
        body_parts, origin = fitted(parts, fill=BodyPart.BACKGROUND), "file"
    else:
        body_parts, origin = derive_body_parts(points, parsing), "derived"
    return _row(parsing, body_parts, points, origin)


def _row(parsing: Ids, body_parts: Ids, points: Points, origin: str) -> dict[str, Any]:
    return {
        "parsing": encode_png(parsing),
        "body_parts": encode_png(body_parts),
        "keypoints": points.ravel().tolist(),
        "body_parts_source": origin,
    }


def _read(path: Path, decode: Callable[[bytes], NDArray[Any]]) -> NDArray[Any]:
    """Decode a file that `prepare` found good."""
    try:
        return decode(read_bytes(path))
    except ValueError as error:
        raise AnnotationError(
            f"{path}: {error}; it has changed since `prepare` accepted it: "
            "run `dvc repro annotate`, which brings both up to date"
        ) from error


if __name__ == "__main__":
    main(
        lambda params, artifacts: run(
            params, Path("data"), artifacts / "prepare", artifacts / "annotate"
        )
    )
