"""What of a photo a try-on keeps and takes where the truth is known, and what pasting costs.

    python -m benchmarks.pasting [--data FOLDER] [--model MODEL] [--times]

FOLDER is one that `pfafn synth` drew, of any size: its truth/test_tryon has the picture of each of
its test pairs as it should be. Unchanged is what differs there from the photo by no more than what
JPEG does (4 shades), changed what differs by more than 16. With --times it counts instead the
processor's seconds of a try-on of photos of several sizes, which what else runs hardly changes.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.cli.models import CHAMPION
from pfafn.inference import TryOn
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels, read_rgb
from pfafn.photos.pasting import encoded

SAME, OTHER = 4, 16  # shades
SIZES = ((256, 192), (1024, 768), (4000, 3000), (10000, 8000))
ROUNDS = 3


def psnr(one: Pixels, other: Pixels, where: NDArray[np.bool_]) -> float:
    error = np.mean((one[where].astype(np.float64) - other[where]) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def pairs(data: Path) -> Iterator[tuple[PersonPhoto, GarmentPhoto, Pixels]]:
    """Persons, garments and true pictures of the test split."""
    for line in (data / "test_pairs.txt").read_text().splitlines():
        person, garment = map(Path, line.split())
        mask = data / "test_edge" / f"{garment.stem}.png"
        yield (
            PersonPhoto.read(data / "test_img" / person),
            GarmentPhoto.read(data / "test_color" / garment, mask),
            read_rgb(data / "truth/test_tryon" / f"{person.stem}__{garment.stem}.png"),
        )


def judged(model: TryOn, data: Path) -> None:
    """Print shares and PSNR, of all drawn anew and of what is kept."""
    found: dict[bool, list[list[float]]] = {False: [], True: []}
    for person, garment, truth in pairs(data):
        moved = np.abs(truth.astype(np.int16) - person.rgb).max(axis=-1)
        same, other = moved <= SAME, moved > OTHER
        for preserve, rows in found.items():
            worn = model.try_on(person, garment, preserve=preserve)
            own = (worn == person.rgb).all(axis=-1)
            parts = (np.ones_like(same), same, other)
            rows.append(
                [own[same].mean(), 1 - own[other].mean(), *(psnr(worn, truth, p) for p in parts)]
            )
    print(
        "| the result | unchanged pixels kept to the bit | changed pixels taken "
        "| PSNR, dB | of the unchanged | of the changed |\n|---|---|---|---|---|---|"
    )
    for preserve, title in ((False, "all drawn anew"), (True, "in the photo")):
        kept, taken, *noises = np.mean(found[preserve], axis=0)
        cells = [f"{kept:.1%}", f"{taken:.1%}", *(f"{noise:.2f}" for noise in noises)]
        print(f"| {title} | {' | '.join(cells)} |")


def taking(work: Callable[[], object]) -> float:
    """Median seconds of all processor cores together."""
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return median(taken)


def timed(model: TryOn, data: Path) -> None:
    """Print what a try-on of a photo takes, all drawn anew and in the photo, and its file."""
    person, garment, _ = next(pairs(data))
    print("| photo | all drawn anew, ms | in the photo, ms | as JPEG, ms |\n|---|---|---|---|")
    for height, width in SIZES:
        photo = PersonPhoto.of(cv2.resize(person.rgb, (width, height)))
        columns = [
            taking(lambda photo=photo, keep=keep: model.try_on(photo, garment, preserve=keep))
            for keep in (False, True)
        ]
        worn = model.try_on(photo, garment, preserve=True)
        columns.append(taking(lambda photo=photo, worn=worn: encoded(photo, worn, "JPEG")))
        print(f"| {width}x{height} | {' | '.join(f'{1000 * each:.0f}' for each in columns)} |")


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.pasting", description=lines[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="drawn by `pfafn synth`")
    parser.add_argument("--model", default=CHAMPION)
    parser.add_argument("--times", action="store_true", help="how long it takes instead")
    asked = parser.parse_args(given)
    (timed if asked.times else judged)(TryOn.load(asked.model), asked.data)


if __name__ == "__main__":
    main()
