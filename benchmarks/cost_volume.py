"""The cost volume, a step of its definition and of its other forms, in the same run.

    python -m benchmarks.cost_volume [--channels 256] [--height 128] [--width 96] [--batch 1]

Median seconds of forward and of forward + backward, and the ratio to one pass per displacement. On
a GPU in bfloat16 as well, and for the matrix products that a kernel replaces there.
"""

import argparse
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.timing import Spread, interleaved
from pfafn.fast import correlation
from pfafn.fast.correlation import cost_volume
from pfafn.kit import machine
from pfafn.models.correlation import cost_volume as definition

ROUNDS = 15
Step = Callable[[], None]


def step(form: Callable[[Tensor, Tensor], Tensor], pair: list[Tensor], *, backward: bool) -> Step:
    def run() -> None:
        if backward:
            form(*pair).sum().backward()
        else:
            with torch.no_grad():
                form(*pair)

    return run


def without_kernels(run: Step) -> Step:
    def patched() -> None:
        with patch.object(correlation, "TRITON", False):
            run()

    return patched


def steps(pair: list[Tensor], *, backward: bool) -> dict[str, Step]:
    """Each form's, with features in the layout that it is used with."""
    last = [each.detach().contiguous(memory_format=torch.channels_last) for each in pair]
    own = step(cost_volume, [each.requires_grad_() for each in last], backward=backward)
    found = {"definition": step(definition, pair, backward=backward)}
    if correlation._kernels(pair[0]):
        found |= {"kernel": own, "matrix products": without_kernels(own)}
    else:
        found["matrix products"] = own
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("channels", 256), ("height", 128), ("width", 96), ("batch", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    shape, device = (given.batch, given.channels, given.height, given.width), machine.device()
    for dtype in (torch.float32, torch.bfloat16) if device.type == "cuda" else (torch.float32,):
        pair = [torch.randn(shape, device=device, dtype=dtype).requires_grad_() for _ in range(2)]
        print(f"{list(shape)} {dtype}, {device}, {torch.get_num_threads()} threads")
        for backward in (False, True):
            taken = interleaved(steps(pair, backward=backward), ROUNDS, device)
            medians = {form: Spread.of(times).median for form, times in taken.items()}
            for form, median in medians.items():
                what = "forward + backward" if backward else "forward"
                gain = medians["definition"] / median
                print(f"{what:20} {form:16} {median:.5f} s, {gain:.2f}x the definition's speed")


if __name__ == "__main__":
    main()
