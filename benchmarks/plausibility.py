"""How many implausible annotations are found: faults made in a data set that has none.

    python -m benchmarks.plausibility [--data FOLDER] [--most N]

Prints Markdown. Each fault is made in every sample: how often one alone is rejected, how often ten
drawn samples that all have it are told to have it, and what is said of all of them. `--data` is any
data folder; a studio's is drawn if there is none. `--most` spreads over it.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from pfafn.annotations.agreement import OTHER_SIDE, Agreement, agreement
from pfafn.annotations.keypoints import KeypointError, Points, people, placed, who
from pfafn.annotations.parsing import SCHEMES, Ids, ParsingError, canonical
from pfafn.annotations.plausibility import Doubt, doubts
from pfafn.annotations.systematic import of_garments, of_persons
from pfafn.data.catalogue import read_catalogue
from pfafn.models.parts import Category, Parsing
from pfafn.photos.images import decode_gray, decode_ids, decode_picture, read_bytes
from pfafn.photos.masks import BORDER, binary, border
from pfafn.studio.dataset import synthesise

TEN, DRAWS = 10, 200
SCALES = (0.3, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2, 3)


class Person(NamedTuple):
    """One sample in the layout's own terms."""

    parsing: Ids  # 14 classes
    points: Points  # as in the file
    frame: tuple[int, int]
    rgb: Ids
    category: Category
    scheme: str = "viton"  # by which the parsing map is read


Fault = Callable[[Person], Person]


def moved(x: Callable[..., Any]) -> Fault:
    """Points p [n, 2] become x(p, extent of the frame); missing ones stay missing."""

    def fault(person: Person) -> Person:
        points = person.points.copy()
        known = points[:, :2].any(axis=1)
        points[known, :2] = x(points[known, :2], np.array(person.frame[::-1], np.float32))
        return person._replace(points=points)

    return fault


def mirrored_points(person: Person) -> Person:
    mirror = moved(lambda p, extent: np.stack([extent[0] - 1 - p[:, 0], p[:, 1]], axis=1))
    return sides_of_points(mirror(person))


def sides_of_points(person: Person) -> Person:
    return person._replace(points=person.points[OTHER_SIDE])


def sides_of_map(person: Person) -> Person:
    other = np.arange(len(Parsing), dtype=np.uint8)
    for part in ("ARM", "LEG", "SHOE"):
        right, left = Parsing[f"RIGHT_{part}"], Parsing[f"LEFT_{part}"]
        other[[right, left]] = left, right
    return person._replace(parsing=other[person.parsing])


def flipped(person: Person) -> Person:
    return person._replace(parsing=np.ascontiguousarray(person.parsing[:, ::-1]))


def mirrored_map_and_points(person: Person) -> Person:
    return sides_of_map(flipped(mirrored_points(person)))


def in_place(written: dict[Parsing, int], read: str) -> Fault:
    """The map with other ids, read by a scheme."""
    ids = np.array([written.get(part, 0) for part in Parsing], np.uint8)
    return lambda person: person._replace(parsing=ids[person.parsing], scheme=read)


def written(scheme: str) -> dict[Parsing, int]:
    """Ids of the 14 classes in a scheme: of the first, or of equal name, that is read as each."""
    ids: dict[Parsing, int] = {}
    for source, target in SCHEMES[scheme].items():
        if target and (target not in ids or source.name == target.name):
            ids[target] = int(source)
    return ids


POINTS: dict[str, Fault] = {
    "in [0, 1]": moved(lambda p, extent: p / extent),
    "in [-1, 1]": moved(lambda p, extent: 2 * p / extent - 1),
    **{f"{s} times as large": moved(lambda p, _, s=s: p * s) for s in SCALES},
    "a quarter of the width to the right": moved(lambda p, extent: p + extent * [0.25, 0]),
    "a quarter of the width to the left": moved(lambda p, extent: p - extent * [0.25, 0]),
    "a quarter of the height down": moved(lambda p, extent: p + extent * [0, 0.25]),
    "a quarter of the height up": moved(lambda p, extent: p - extent * [0, 0.25]),
    "x and y exchanged": moved(lambda p, _: p[:, ::-1]),
    "mirrored": mirrored_points,
    "left and right exchanged": sides_of_points,
}
MAPS: dict[str, Fault] = {
    "mirrored": lambda person: sides_of_map(flipped(person)),
    "mirrored, left and right as they were": flipped,
    "mirrored, the keypoints too": mirrored_map_and_points,
    "left and right exchanged": sides_of_map,
}
WRITTEN = {name: written(name) for name in SCHEMES}
WRITTEN["pascal"] = {  # Pascal-Person-Part's 7 classes, which do not know clothes
    **dict.fromkeys((Parsing.HAIR, Parsing.FACE), 1),
    **dict.fromkeys((Parsing.UPPER_CLOTHES, Parsing.DRESS, Parsing.JUMPSUIT), 2),
    **dict.fromkeys((Parsing.LEFT_ARM, Parsing.RIGHT_ARM), 4),
    **dict.fromkeys((Parsing.LOWER_CLOTHES, Parsing.LEFT_LEG, Parsing.RIGHT_LEG), 5),
    **dict.fromkeys((Parsing.LEFT_SHOE, Parsing.RIGHT_SHOE, Parsing.SOCKS), 6),
}
SAME = {"lip", "viton-hd"}  # have the same ids, and differ in what becomes of coats and skirts
IN_PLACE = {
    f"{a} in place of {b}": in_place(WRITTEN[a], b)
    for a in WRITTEN for b in SCHEMES if a != b and {a, b} != SAME
}  # fmt: skip


def looked_at(person: Person) -> tuple[Agreement, str]:
    """What is measured, and the first thing found wrong with this sample alone, if any."""
    table, size = SCHEMES[person.scheme], person.rgb.shape[:2]
    found = agreement(
        person.parsing, table, person.points, person.frame, person.rgb, person.category
    )
    try:
        canonical(person.parsing, table)
        placed(person.points, size, person.frame)
    except (ParsingError, KeypointError) as error:
        return found, str(error)
    return found, next(
        (doubt.text for doubt in doubts(found, person.category) if doubt.rejects), ""
    )


def inverted(gray: Ids) -> Ids:
    return 255 - gray


def inverted_soft(gray: Ids) -> Ids:
    """Black on white with soft edges, through a poor JPEG."""
    soft = cv2.GaussianBlur(255 - gray, (0, 0), 3)
    _, coded = cv2.imencode(".jpg", soft, [cv2.IMWRITE_JPEG_QUALITY, 30])
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)


def read_person(files: Any, layout: Any) -> Person:
    rgb = decode_picture(read_bytes(files.image)).rgb
    ids = decode_ids(read_bytes(files.parsing), files.parsing.name)
    parsing = canonical(ids, SCHEMES[layout.scheme])
    everybody = people(read_bytes(files.keypoints))
    frame = layout.drawn_in or rgb.shape[:2]
    number = who(everybody, rgb.shape[:2], layout.drawn_in, parsing)
    return Person(parsing, everybody[number], frame, rgb, files.category)


class Tally(NamedTuple):
    alone: float  # share of the samples rejected by themselves
    ten: float  # share of draws of ten samples of which something is said
    said: str  # of all of them


def tally(
    wrong: Sequence[bool], measured: Sequence[Any], judge: Callable[[Any], Doubt | None]
) -> Tally:
    rng = np.random.default_rng(0)
    draws = [
        rng.choice(len(measured), min(TEN, len(measured)), replace=False) for _ in range(DRAWS)
    ]
    found = [judge([measured[i] for i in draw]) is not None for draw in draws]
    doubt = judge(measured)
    return Tally(float(np.mean(wrong)), float(np.mean(found)), doubt.text if doubt else "")


def of_looked(looked: Sequence[tuple[Agreement, str]]) -> Tally:
    return tally([bool(text) for _, text in looked], [found for found, _ in looked], of_persons)


def of_masks(masks: Sequence[Ids], fault: Callable[[Ids], Ids]) -> Tally:
    borders = [border(binary(fault(mask))) for mask in masks]
    return tally([covered > BORDER for covered in borders], borders, of_garments)


def table(title: str, rows: Iterable[tuple[str, Tally]]) -> None:
    print(f"\n| {title} | one alone | ten | what is said of all |\n|---|---|---|---|")
    for name, found in rows:
        print(f"| {name} | {found.alone:.1%} | {found.ten:.0%} | {found.said or 'nothing'} |")


def report(data: Path, most: int | None) -> None:
    catalogue = read_catalogue(data, seed=0, test_fraction=0)
    splits, layout = catalogue.splits.values(), catalogue.layout
    everybody = [person for split in splits for person in split.persons if not person.absent]
    files = [person for person in everybody if person.parsing and person.keypoints]
    given = [garment.mask for split in splits for garment in split.garments.values()]
    masks = [decode_gray(read_bytes(mask), mask.name) for mask in given if mask]
    step = max(1, len(files) // most) if most else 1
    print(f"{len(files)} persons, {len(masks)} masks; each fault in {len(files[::step])} persons")

    good = [looked_at(read_person(person, layout)) for person in files]
    for person, (_, text) in zip(files, good, strict=True):
        if text:
            print(f"- {person.name}: {text}")
    table("persons", [("as they are", of_looked(good))])
    persons = [read_person(person, layout) for person in files[::step]]
    for title, faults in (("keypoints", POINTS), ("parsing maps", MAPS | IN_PLACE)):
        made = ((name, map(fault, persons)) for name, fault in faults.items())
        table(title, ((name, of_looked(list(map(looked_at, wrong)))) for name, wrong in made))
    made = {"as they are": np.array, "black on white": inverted, "the same, blurred": inverted_soft}
    table("masks", ((name, of_masks(masks, fault)) for name, fault in made.items()))


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.plausibility", description=lines[0])
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="default: a studio's, drawn")
    parser.add_argument("--most", type=int, metavar="N", help="make faults in N persons, not all")
    asked = parser.parse_args(given)
    if asked.data:
        report(asked.data, asked.most)
        return
    with tempfile.TemporaryDirectory() as drawn:
        synthesise(Path(drawn) / "data", train=160, test=40, size=(128, 96))
        report(Path(drawn) / "data", asked.most)


if __name__ == "__main__":
    main()
