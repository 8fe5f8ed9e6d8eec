"""How the photos of a data set frame a person, in shares of the photo's height and width.

    python -m benchmarks.framing [--data FOLDER] [--most N]

Takes the test persons of a data folder in any layout whose neck, shoulders and hips are seen, and
prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np

from pfafn.annotations.keypoints import KeypointError, read_keypoints
from pfafn.data.catalogue import read_catalogue
from pfafn.models.parts import Keypoint
from pfafn.photos.framing import HIPS, SHOULDER
from pfafn.photos.images import read_rgb
from pfafn.photos.opening import read_bytes

NAMES = ("neck, down", "middle, across", "torso, of the height", "shoulders, of the torso")
SHARES = (0.01, 0.25, 0.5, 0.75, 0.99)
NEEDED = [Keypoint.NECK, *HIPS, *SHOULDER]


def framed(points: np.ndarray, size: tuple[int, int]) -> list[float]:
    """The four NAMES of one person."""
    neck, *sides = points[NEEDED, :2]
    hip, broad = np.mean(sides[:2], axis=0), np.hypot(*(sides[2] - sides[3]))
    torso = np.hypot(*(hip - neck))
    return [neck[1] / size[0], (neck[0] + hip[0]) / 2 / size[1], torso / size[0], broad / torso]


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.framing", description=lines[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="a data folder")
    parser.add_argument("--most", type=int, default=500, help="persons")
    asked = parser.parse_args(given)
    found, left = [], 0
    persons = read_catalogue(asked.data, seed=0, test_fraction=0.1).splits["test"].persons
    persons = [person for person in persons if person.keypoints][: asked.most]
    for person in persons:
        size = read_rgb(person.image).shape[:2]
        try:
            points = read_keypoints(read_bytes(person.keypoints), size)
        except KeypointError:
            left += 1
            continue
        if (points[NEEDED, 2] > 0).all():
            found.append(framed(points, size))
        else:
            left += 1
    print(f"{len(found)} persons, {left} left out\n")
    print(
        f"| share | {' | '.join(f'{share:.0%}' for share in SHARES)} |\n|---|---|---|---|---|---|"
    )
    for name, values in zip(NAMES, np.transpose(found), strict=True):
        cells = " | ".join(f"{value:.2f}" for value in np.quantile(values, SHARES))
        print(f"| {name} | {cells} |")


if __name__ == "__main__":
    main()
