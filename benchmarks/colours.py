"""How far apart the colours of try-ons are whose photos were saved in different colour spaces.

    python -m benchmarks.colours [--data FOLDER] [--pairs N] [--model MODEL]

Takes the first N test persons of a data folder in VITON's layout, each in the next one's garment,
saves both photos in sRGB, Display P3 and Adobe RGB, dresses them from their files' bytes and prints
CIEDE2000 against the try-on from sRGB as Markdown.
"""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.icc import WIDE, in_wide
from pfafn.cli.models import CHAMPION
from pfafn.evaluation.colour import difference
from pfafn.inference import TryOn
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels, decode_rgb, encode_shown, read_rgb


def apart(one: Pixels, other: Pixels) -> NDArray[np.float64]:
    """CIEDE2000 of sRGB pictures [H, W, 3], pixel by pixel: [H, W]."""
    return difference(*(torch.from_numpy(rgb).movedim(-1, 0) / 255 for rgb in (one, other))).numpy()


def saved(rgb: Pixels, space: str, tagged: bool = True) -> bytes:
    """A photo's file with the same colours in a space; if not tagged, without saying so."""
    wide = space in WIDE
    buffer = BytesIO()
    image = Image.fromarray(in_wide(rgb, space) if wide else rgb)
    image.save(buffer, "PNG", icc_profile=WIDE[space] if wide and tagged else None)
    return buffer.getvalue()


def worn(model: TryOn, person: bytes, garment: bytes) -> Pixels:
    """The try-on as its file shows it."""
    photos = PersonPhoto.decode(person), GarmentPhoto.decode(garment)
    return decode_rgb(encode_shown(model.try_on(*photos), "PNG"))


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.colours", description=lines[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="with test_img, test_color")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--model", default=CHAMPION)
    asked = parser.parse_args(given)
    model = TryOn.load(asked.model)
    persons = [read_rgb(p) for p in sorted((asked.data / "test_img").iterdir())[: asked.pairs]]
    garments = [read_rgb(p) for p in sorted((asked.data / "test_color").iterdir())[: asked.pairs]]
    pairs = list(zip(persons, garments[1:] + garments[:1], strict=True))
    print("| photos saved in | CIEDE2000, mean | of the pair that differs most | 99 % of pixels |")
    print("|---|---|---|---|")
    plain = [worn(model, *(saved(photo, "sRGB") for photo in pair)) for pair in pairs]
    for space in WIDE:
        for tagged in (True, False):
            wide = [worn(model, *(saved(photo, space, tagged) for photo in pair)) for pair in pairs]
            found = [apart(*both) for both in zip(plain, wide, strict=True)]
            most = max(each.mean() for each in found)
            every = np.concatenate([each.ravel() for each in found])
            named = space if tagged else f"{space}, without its profile"
            print(f"| {named} | {every.mean():.2f} | {most:.2f} | {np.quantile(every, 0.99):.2f} |")


if __name__ == "__main__":
    main()
