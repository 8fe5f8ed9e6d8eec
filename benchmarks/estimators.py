"""How good estimated keypoints, parsing maps and person masks are, beside a data set's own.

    python -m benchmarks.estimators [--data FOLDER] [--parser FILE] [--most N]

Looks at the test split of an annotated data folder, in any layout, and prints Markdown: what a
parser of `pfafn train-parser` says, and what the models of `pfafn estimators fetch` say if they are
there.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pfafn.annotations.keypoints import read_keypoints
from pfafn.annotations.parsing import SCHEMES, canonical
from pfafn.data.catalogue import Catalogue, read_catalogue
from pfafn.estimators.parser import PhotoParser
from pfafn.estimators.people import People, people
from pfafn.estimators.scores import Ids, Points, Scores
from pfafn.models.parts import ARMS, FACE, Keypoint, Parsing
from pfafn.photos.entrance import PersonPhoto
from pfafn.photos.images import decode_ids, read_bytes

K = Keypoint
POINTS = {
    "all": tuple(K),
    "head": (K.NOSE, K.RIGHT_EYE, K.LEFT_EYE, K.RIGHT_EAR, K.LEFT_EAR),
    "neck, shoulders": (K.NECK, K.RIGHT_SHOULDER, K.LEFT_SHOULDER),
    "elbows": (K.RIGHT_ELBOW, K.LEFT_ELBOW),
    "wrists": (K.RIGHT_WRIST, K.LEFT_WRIST),
    "hips": (K.RIGHT_HIP, K.LEFT_HIP),
}
PARTS = {
    "upper clothes": (Parsing.UPPER_CLOTHES, Parsing.DRESS),  # DRESS is noise on VITON
    "lower clothes": (Parsing.LOWER_CLOTHES,),
    "arms": ARMS,
    "left arm": (Parsing.LEFT_ARM,),
    "right arm": (Parsing.RIGHT_ARM,),
    "face": (Parsing.FACE,),
    "hair": (Parsing.HAIR,),
    "head": FACE,
    "background": (Parsing.BACKGROUND,),
}


def persons(catalogue: Catalogue) -> Iterator[tuple[Ids, Ids, Points]]:
    """Photo, parsing map and keypoints of every test person who has both."""
    layout = catalogue.layout
    for files in catalogue.splits["test"].persons:
        if files.absent or not (files.parsing and files.keypoints):
            continue
        rgb = PersonPhoto.read(files.image).rgb
        ids = canonical(decode_ids(read_bytes(files.parsing)), SCHEMES[layout.scheme])
        told = read_bytes(files.keypoints)
        yield rgb, ids, read_keypoints(told, rgb.shape[:2], layout.drawn_in, ids)


class Judged:
    """One way to estimate, its scores and milliseconds for a photo."""

    def __init__(self, see: Callable[[Ids], tuple[Ids, Points]]) -> None:
        self.see, self.scores = see, Scores()
        self.overlaps: list[float] = []
        self.milliseconds: list[float] = []

    def look(self, rgb: Ids, ids: Ids, points: Points) -> None:
        began = time.perf_counter()
        seen = self.see(rgb)
        self.milliseconds.append(1000 * (time.perf_counter() - began))
        self.scores.add((ids, points), seen)
        true, mine = ids > 0, seen[0] > 0
        self.overlaps.append(float((true & mine).sum() / max(1, (true | mine).sum())))


def by_others(found: People) -> Callable[[Ids], tuple[Ids, Points]]:
    """What is person counts as one class."""
    return lambda rgb: ((found.mask(rgb) > 0.5).astype(np.uint8), found.pose(rgb))


def table(title: str, rows: dict[str, Any], judged: dict[str, Judged]) -> None:
    """A row for each group, a column for each way to estimate."""
    print(f"\n| {title} | {' | '.join(judged)} |\n|---|{'---|' * len(judged)}")
    for name, value in rows.items():
        print(f"| {name} | {' | '.join(f'{value(one):.3f}' for one in judged.values())} |")


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    asked = argparse.ArgumentParser("python -m benchmarks.estimators", description=lines[0])
    asked.add_argument("--data", type=Path, default=Path("data"), help="an annotated data folder")
    asked.add_argument("--parser", type=Path, help="a file of `pfafn train-parser`")
    asked.add_argument("--most", type=int, default=None, help="so many persons alone")
    told = asked.parse_args(given)
    judged: dict[str, Judged] = {}
    if told.parser:
        judged["parser"] = Judged(PhotoParser.load(told.parser)[0].see)
    if others := people():
        judged["others"] = Judged(by_others(others))
    if not judged:
        asked.error("nothing to judge: give --parser FILE, or run `pfafn estimators fetch`")
    torch.set_num_threads(1)
    catalogue = read_catalogue(told.data, seed=0, test_fraction=0)
    for person in islice(persons(catalogue), told.most):
        for one in judged.values():
            one.look(*person)
    number = len(next(iter(judged.values())).overlaps)
    print(f"{number} persons; one thread; milliseconds for a photo: ", end="")
    print(", ".join(f"{name} {np.median(j.milliseconds):.0f}" for name, j in judged.items()))
    found = {k: (lambda j, of=of: j.scores.pck(of)) for k, of in POINTS.items()}
    found["points invented"] = lambda j: j.scores.summary().get("invented", float("nan"))
    table("PCK@0.1", found, judged)
    person = {
        "person, mean": lambda j: np.mean(j.overlaps),
        "person, median": lambda j: np.median(j.overlaps),
    }
    table("IoU", person, judged)
    if "parser" in judged:
        rows = {k: (lambda j, of=of: j.scores.iou(*of)) for k, of in PARTS.items()}
        table("IoU", rows, {"parser": judged["parser"]})


if __name__ == "__main__":
    main()
