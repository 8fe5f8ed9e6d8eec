"""How fast the synthetic studio draws: people per second, everything written, on one core.

python benchmarks/studio.py [--people N] [--size H W]
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2

from pfafn.studio.dataset import synthesise


def people_per_second(train: int, test: int, size: tuple[int, int]) -> float:
    """Draw a data set into a temporary folder and delete it again."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        synthesise(Path(folder) / "data", train=train, test=test, size=size)
        return (train + test) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 96), metavar=("H", "W"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    people, size = arguments.people, tuple(arguments.size)
    print(f"{people} people at {size[0]}x{size[1]}, one core")
    print(f"train split                 {people_per_second(people, 0, size):6.1f} people/s")
    print(f"test split, with the truth  {people_per_second(0, people, size):6.1f} people/s")


if __name__ == "__main__":
    main()
