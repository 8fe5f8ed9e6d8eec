"""What a try-on leaves as it is of photographs, whose true try-ons nobody knows.

    python -m benchmarks.kept [ARTIFACTS] [--data FOLDER] [--model MODEL]

Dresses the test persons of ARTIFACTS, in the photos of FOLDER at their own size. What of a photo no
garment may change is told by its parsing (`pfafn.evaluation.truth.may_change`). Prints Markdown: of
that the share of pixels that are the photo's to the bit, and the PSNR of the mean squared error, in
dB, over all persons; and of how many persons a pixel of the face has changed.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from pfafn.data.catalogue import read_catalogue
from pfafn.evaluation.metrics import METRICS
from pfafn.evaluation.scores import KEPT
from pfafn.evaluation.testset import PROTOCOLS, TestSet
from pfafn.evaluation.truth import may_change
from pfafn.inference.tryon import TryOn
from pfafn.kit.files import MODEL
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.fitting import restore
from pfafn.photos.images import Pixels

WAYS = {"all drawn anew": False, "in the photo": True}
ALL = "all that must not change"
FACE = "psnr_face"
FULL = 255  # of a mask

Places = dict[str, NDArray[np.bool_]]  # bool [H, W] by the names of KEPT, and ALL


class Files:
    """The pictures of a data folder, whichever split they are of."""

    def __init__(self, data: Path) -> None:
        splits = read_catalogue(data, seed=0, test_fraction=0.0, annotated=False).splits.values()
        self.persons = {person.name: person.image for s in splits for person in s.persons}
        self.garments = {
            name: (garment.image, garment.mask)
            for s in splits
            for name, garment in s.garments.items()
        }


class Kept(NamedTuple):
    """What is left of one person at one place."""

    pixels: int
    own: int  # those that are the photo's to the bit
    error: float  # sum of their mean squared errors, of shades in [0, 255]

    @classmethod
    def of(cls, worn: Pixels, photo: Pixels, where: NDArray[np.bool_]) -> "Kept":
        error = ((worn[where].astype(np.float64) - photo[where]) ** 2).mean(axis=-1)
        return cls(int(where.sum()), int((error == 0).sum()), float(error.sum()))


def places(test: TestSet) -> Iterator[tuple[int, Places]]:
    """Item by item what must not change, at the networks' size."""
    for batch in DataLoader(test.samples):
        stays = ~may_change(batch.annotation)[0, 0].numpy()
        parsing = batch.annotation.parsing[0].numpy()
        found = {name: stays & (parsing == part) for name, part in KEPT.items()}
        yield int(batch.item[0]), found | {ALL: stays}


def enlarged(where: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A place in a photo of size (height, width), without the pixels that it has a part of."""
    return restore(where.astype(np.uint8) * FULL, size) == FULL


def measured(model: TryOn, test: TestSet, files: Files) -> dict[tuple[str, str], dict[str, list]]:
    """Kept of every person, by protocol and way, and by place."""
    found: dict[tuple[str, str], dict[str, list]] = {}
    for item, small in places(test):
        photo = PersonPhoto.read(files.persons[test.persons[item]])
        where = {name: enlarged(mask, photo.rgb.shape[:2]) for name, mask in small.items()}
        for protocol in PROTOCOLS:
            if (pair := test.pair(item, protocol)) is None:
                continue
            garment = GarmentPhoto.read(*files.garments[test.garments[pair.garment]])
            for way, preserve in WAYS.items():
                worn = model.try_on(photo, garment, preserve=preserve)
                for name, mask in where.items():
                    row = found.setdefault((protocol, way), {}).setdefault(name, [])
                    row.append(Kept.of(worn, photo.rgb, mask))
    return found


def cell(kept: list[Kept]) -> str:
    pixels, own, error = map(sum, zip(*kept, strict=True))
    if not pixels:
        return "–"
    noise = f"{10 * np.log10(FULL**2 * pixels / error):.1f} dB" if error else "equal"
    return f"{own / pixels:.2%}, {noise}"


def report(model: TryOn, test: TestSet, files: Files) -> None:
    titles = {name: METRICS[name].title for name in KEPT} | {ALL: ALL}
    print(f"| {' | '.join(['the result', *titles.values(), 'faces changed'])} |")
    print("|---" * (len(titles) + 2) + "|")
    for (protocol, way), row in measured(model, test, files).items():
        cells = [cell(row[name]) for name in titles]
        changed = sum(kept.own < kept.pixels for kept in row[FACE])
        print(f"| {protocol}, {way} | {' | '.join(cells)} | {changed} of {len(row[FACE])} |")


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.kept", description=lines[0])
    parser.add_argument("artifacts", nargs="?", type=Path, default=Path("artifacts"))
    parser.add_argument("--data", type=Path, default=Path("data"), help="the photos of artifacts")
    parser.add_argument("--model", help="a model's file or URI; that of artifacts if not given")
    asked = parser.parse_args(given)
    model = asked.model or asked.artifacts / "student_tryon" / MODEL
    test = TestSet(asked.artifacts / "prepare", asked.artifacts / "annotate")
    report(TryOn.load(model), test, Files(asked.data))


if __name__ == "__main__":
    main()
