"""How good the masks are that are estimated from garments' photos, and which of them are doubted.

    python -m benchmarks.masks [--data FOLDER] [--worst N]

Compares with the given masks of a data folder in VITON's layout and prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np

from pfafn.photos.entrance import GarmentPhoto
from pfafn.photos.images import Pixels, decode_gray, read_bytes
from pfafn.photos.masks import binary

CLASSES = ("below 0.5", "0.5 to 0.9", "0.9 and above")
BOUNDS = (0.5, 0.9)


def overlap(one: Pixels, other: Pixels) -> float:
    """Intersection over union of two masks {0, 255}."""
    return float(((one > 0) & (other > 0)).sum() / max(1, ((one > 0) | (other > 0)).sum()))


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.masks", description=lines[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="a data folder")
    parser.add_argument("--worst", type=int, default=0, help="how many to name")
    asked = parser.parse_args(given)
    data = asked.data
    found, doubted, names = [], [], []
    for path in sorted((data / "test_color").iterdir()):
        photo = GarmentPhoto.read(path)
        told = next((data / "test_edge").glob(f"{path.stem}.*"))
        found.append(overlap(photo.mask, binary(decode_gray(read_bytes(told)))))
        doubted.append(photo.doubt is not None or not photo.mask.any())
        names.append(path.name)
    print(f"{len(found)} garments, mean IoU {np.mean(found):.3f}, median {np.median(found):.3f}\n")
    print("| IoU | garments | doubted, or refused as empty |")
    print("|---|---|---|")
    for number, name in enumerate(CLASSES):
        here = np.digitize(found, BOUNDS) == number
        print(f"| {name} | {here.sum()} | {np.sum(here & doubted)} |")
    if asked.worst:
        worst = np.argsort(found)[: asked.worst]
        print(f"\nworst: {', '.join(f'{names[n]} {found[n]:.3f}' for n in worst)}")


if __name__ == "__main__":
    main()
