"""Cost volume: banded matrix products against one pass per displacement, in the same run.

    python benchmarks/cost_volume.py [--channels 256] [--height 128] [--width 96] [--batch 1]

Prints the median seconds of forward and of forward + backward for both, and the ratio.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pfafn.models.correlation import cost_volume

ROUNDS = 15


def definition(garment: Tensor, person: Tensor, radius: int = 3) -> Tensor:
    """The formula as it is written: 49 products of whole feature maps."""
    side, (h, w) = 2 * radius + 1, garment.shape[-2:]
    padded = F.pad(person, (radius,) * 4)
    shifts = (padded[..., y : y + h, x : x + w] for y in range(side) for x in range(side))
    return torch.stack([(garment * p).mean(dim=1) for p in shifts], dim=1)


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
