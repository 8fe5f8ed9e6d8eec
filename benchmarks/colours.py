"""How far apart the colours of try-ons are whose photos were saved in different colour spaces.

    python -m benchmarks.colours [--data FOLDER] [--pairs N] [--model MODEL]

Takes the first N test persons of a data folder in VITON's layout, each in the next one's garment,
saves both photos in sRGB, Display P3 and Adobe RGB, dresses them from their files' bytes and prints
CIEDE2000 against the try-on from sRGB as Markdown.
"""

import argparse
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.icc import WIDE, in_wide
from pfafn.cli.models import CHAMPION
from pfafn.inference import TryOn
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels, decode_rgb, encode_shown, read_rgb

Lab = NDArray[np.float64]


def ciede2000(one: Lab, other: Lab) -> Lab:
    """Colour difference of L*a*b* colours [..., 3]: [...], as Sharma, Wu and Dalal write it."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(c, float), -1, 0) for c in (one, other))
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1 + (1 - _share(mean_chroma)) / 2
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    turn = np.where(c1 * c2 == 0, 0, turn)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = np.where(c1 * c2 == 0, h1 + h2, h1 + turn / 2) % 360
    towards = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue)
    towards += 0.32 * _cos(3 * hue + 6) - 0.2 * _cos(4 * hue - 63)
    offset = (lightness - 50) ** 2
    d_lightness = (l2 - l1) / (1 + 0.015 * offset / np.sqrt(20 + offset))
    d_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * towards)
    blue = np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    mixed = -2 * _share(chroma) * blue * d_chroma * d_hue
    return np.sqrt(np.maximum(0, d_lightness**2 + d_chroma**2 + d_hue**2 + mixed))


def _share(chroma: Lab) -> Lab:
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _cos(degrees: Lab) -> Lab:
    return np.cos(np.radians(degrees))


def difference(one: Pixels, other: Pixels) -> Lab:
    """CIEDE2000 of sRGB pictures [H, W, 3], pixel by pixel: [H, W]."""
    labs = (cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for rgb in (one, other))
    return ciede2000(*labs)


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
            found = [difference(*both) for both in zip(plain, wide, strict=True)]
            most = max(each.mean() for each in found)
            every = np.concatenate([each.ravel() for each in found])
            named = space if tagged else f"{space}, without its profile"
            print(f"| {named} | {every.mean():.2f} | {most:.2f} | {np.quantile(every, 0.99):.2f} |")


if __name__ == "__main__":
    main()
