"""What of a photo a try-on keeps and takes where the truth is known, and what pasting costs.

    python -m benchmarks.pasting [--data FOLDER] [--model MODEL] [--times]

FOLDER is one that `pfafn synth` drew, larger than the model draws: its truth has the picture of
each of its test pairs as it should be, and the flow that put the garment there. Unchanged is what
differs there from the photo by no more than what JPEG does (4 shades), changed what differs by more
than 16. Aligned: of squares of 32 pixels within the garment, each where it fits the truth best
within 8 pixels: what a print looks like, wherever the flow has put it. Sharpness is the mean
squared step from pixel to pixel within the garment, of that in the truth. With --times it counts
instead the processor's time of its parts for photos of several sizes, which what else runs hardly
changes.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.image import structural_similarity_index_measure

from pfafn.cli.models import CHAMPION
from pfafn.inference.tryon import TryOn, told
from pfafn.models.geometry import grid_of
from pfafn.models.tryon import Worn
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.flow_files import decode_flow, fit_flow
from pfafn.photos.images import Pixels, read_rgb
from pfafn.photos.pasting import encoded
from pfafn.photos.warping import Drawn

SAME, OTHER = 4, 16  # shades
INSIDE = 9  # pixels: as far from the garment's edge its sharpness is measured
SQUARE, REACH = 32, 8  # pixels
RESULTS = (
    "all drawn anew", "in the photo, the garment as drawn", "in the photo",
    "in the photo, by the true flow",
)  # fmt: skip
SIZES = ((256, 192), (1024, 768), (4000, 3000), (10000, 8000))
ROUNDS = 3
Where = NDArray[np.bool_]


class Pair(NamedTuple):
    """Two photos, the person in the garment, and the file of the flow that put it there."""

    person: PersonPhoto
    garment: GarmentPhoto
    truth: Pixels
    flow: bytes

    @property
    def shown(self) -> Where:
        """Where the garment is."""
        return decode_flow(self.flow, "flow")[1]

    def grid(self, size: tuple[int, int], otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
        """The true flow as a network of this size would say it; `otherwise` where there is none."""
        fitted = fit_flow(self.flow, self.garment.rgb.shape[:2], size, "flow")
        flow, known = decode_flow(fitted, "flow")
        true = grid_of(torch.from_numpy(flow).movedim(-1, 0)[None])[0].numpy()
        return np.where(known, true, otherwise)


def pairs(data: Path) -> Iterator[Pair]:
    """Those of the test split."""
    for line in (data / "test_pairs.txt").read_text().splitlines():
        person, garment = map(Path, line.split())
        mask = data / "test_edge" / f"{garment.stem}.png"
        name = f"{person.stem}__{garment.stem}.png"
        yield Pair(
            PersonPhoto.read(data / "test_img" / person),
            GarmentPhoto.read(data / "test_color" / garment, mask),
            read_rgb(data / "truth/test_tryon" / name),
            (data / "truth/test_flow" / name).read_bytes(),
        )


def network(model: TryOn, pair: Pair) -> Worn:
    """A try-on at the model's size."""
    return model.made_of(model.encode_person(pair.person), model.encode_garment(pair.garment))


@torch.inference_mode()
def results(model: TryOn, pair: Pair) -> Iterator[Callable[[], Pixels]]:
    """What makes those of RESULTS, the network's part done."""
    person, garment = model.encode_person(pair.person), model.encode_garment(pair.garment)
    [of_one] = zip(*(part.numpy() for part in told(model.made_of(person, garment))), strict=True)
    drawn = Drawn(*of_one)
    nowhere = np.zeros_like(drawn.composition)
    as_drawn = drawn._replace(behind=drawn.image, composition=nowhere)
    true = drawn._replace(grid=pair.grid(model.size, drawn.grid))
    for each, preserve in ((drawn, False), (as_drawn, True), (drawn, True), (true, True)):
        yield partial(person.seen.worn, each, garment.own, preserve)


def psnr_of(error: float) -> float:
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def psnr(one: Pixels, other: Pixels, where: Where) -> float:
    return psnr_of(np.mean((one[where].astype(np.float64) - other[where]) ** 2))


def aligned(worn: Pixels, truth: Pixels, shown: Where) -> float:
    """PSNR of the squares within the garment, each where it fits the truth best."""
    errors, (height, width) = [], shown.shape
    for y in range(REACH, height - SQUARE - REACH, SQUARE):
        for x in range(REACH, width - SQUARE - REACH, SQUARE):
            square = slice(y, y + SQUARE), slice(x, x + SQUARE)
            if shown[square].all():
                around = truth[y - REACH : y + SQUARE + REACH, x - REACH : x + SQUARE + REACH]
                fits = cv2.matchTemplate(around, worn[square], cv2.TM_SQDIFF)
                errors.append(fits.min() / worn[square].size)
    return psnr_of(float(np.mean(errors))) if errors else np.nan


def steps(picture: Pixels, where: Where) -> float:
    """Mean square of the steps from pixel to pixel."""
    down, across = (np.diff(picture.astype(np.float64), axis=axis) ** 2 for axis in (0, 1))
    return (down[:, :-1] + across[:-1])[where[:-1, :-1]].mean()


def similarity(one: Pixels, other: Pixels, where: Where) -> float:
    """Mean SSIM of the pixels in sight."""
    pair = (torch.from_numpy(picture).movedim(-1, 0)[None] / 255 for picture in (one, other))
    _, seen = structural_similarity_index_measure(*pair, data_range=1.0, return_full_image=True)
    return float(seen[0, :, torch.from_numpy(where)].mean())


def judged(model: TryOn, data: Path) -> None:
    """Print a line for each of RESULTS."""
    found: dict[str, list[list[float]]] = {name: [] for name in RESULTS}
    for pair in pairs(data):
        rgb, truth, shown = pair.person.rgb, pair.truth, pair.shown
        moved = np.abs(truth.astype(np.int16) - rgb).max(axis=-1)
        same, other = moved <= SAME, moved > OTHER
        inside = cv2.erode(shown.astype(np.uint8), np.ones((INSIDE, INSIDE))) > 0
        for name, make in zip(RESULTS, results(model, pair), strict=True):
            worn = make()
            own = (worn == rgb).all(axis=-1)
            parts = (np.ones_like(same), same, other, shown)
            found[name].append([
                own[same].mean(), 1 - own[other].mean(), *(psnr(worn, truth, p) for p in parts),
                aligned(worn, truth, shown), similarity(worn, truth, shown),
                steps(worn, inside) / steps(truth, inside),
            ])  # fmt: skip
    print(
        "| the result | unchanged pixels kept to the bit | changed pixels taken | PSNR, dB "
        "| of the unchanged | of the changed | of the garment | aligned | its SSIM "
        f"| its sharpness |\n{'|---' * 10}|"
    )
    for name, rows in found.items():
        kept, taken, *noises, ssim, sharp = np.nanmean(rows, axis=0)
        cells = [f"{kept:.1%}", f"{taken:.1%}", *(f"{noise:.2f}" for noise in noises)]
        print(f"| {name} | {' | '.join([*cells, f'{ssim:.3f}', f'{sharp:.2f}'])} |")


def taking(work: Callable[[], object]) -> float:
    """Median seconds of all processor cores together."""
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return median(taken)


def timed(model: TryOn, data: Path) -> None:
    """Print what a network takes, what bringing its try-on back does, and the result's file."""
    first = next(pairs(data))
    columns = "the network", *RESULTS[:3], "as JPEG"
    print(f"| photo | {' | '.join(f'{name}, ms' for name in columns)} |\n{'|---' * 6}|")
    for height, width in SIZES:
        photo = PersonPhoto.of(cv2.resize(first.person.rgb, (width, height)))
        pair = first._replace(person=photo)
        made = list(results(model, pair))[:3]
        file = partial(encoded, photo, made[-1](), "JPEG")
        cells = map(taking, (partial(network, model, pair), *made, file))
        print(f"| {width}x{height} | {' | '.join(f'{1000 * each:.0f}' for each in cells)} |")


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
