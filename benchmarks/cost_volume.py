"""Cost volume: banded matrix products against one pass per displacement, in the same run.

    python -m benchmarks.cost_volume [--channels 256] [--height 128] [--width 96] [--batch 1]

Prints the median seconds of forward and of forward + backward for both, and the ratio.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.plain import cost_volume as definition
from pfafn.models.correlation import cost_volume

ROUNDS = 15


def seconds(function: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, ...]) -> list[float]:
    """Median seconds of (forward, forward + backward)."""
    garment, person = (torch.randn(shape, requires_grad=True) for _ in range(2))
    taken: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        costs = function(garment, person)
        forward = time.perf_counter() - began
        costs.sum().backward()
        taken.append((forward, time.perf_counter() - began))
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("channels", 256), ("height", 128), ("width", 96), ("batch", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    shape = (given.batch, given.channels, given.height, given.width)
    plain, banded = seconds(definition, shape), seconds(cost_volume, shape)
    print(f"{list(shape)} float32, {torch.get_num_threads()} threads")
    for name, a, b in zip(("forward", "forward + backward"), plain, banded, strict=True):
        print(f"{name:20} definition {a:.4f} s, banded {b:.4f} s, ratio {a / b:.2f}")


if __name__ == "__main__":
    main()
