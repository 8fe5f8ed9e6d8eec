"""Does each kernel compute its definition, forward and backward: against float64 on a CPU.

A kernel more is a line more in KERNELS; on a CPU what stands in for it is asked the same.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.gpu.findings import Check, Found
from pfafn.fast.correlation import cost_volume
from pfafn.fast.sampling import sample
from pfafn.models import correlation
from pfafn.models.geometry import warp

Inputs = Callable[[tuple[int, ...], torch.dtype], list[Tensor]]
SHAPES = ((2, 5, 4, 3), (1, 70, 2, 37), (2, 64, 1, 16), (3, 33, 17, 23), (1, 256, 64, 48))
PRECISIONS = {torch.float32: 2e-5, torch.bfloat16: 3e-2}  # how far off, of the largest value


class Kernel(NamedTuple):
    """fast, definition: of tensors, to a tensor. inputs: of a shape, in a precision, on the CPU."""

    fast: Callable[..., Tensor]
    definition: Callable[..., Tensor]
    inputs: Inputs


def two_features(shape: tuple[int, ...], dtype: torch.dtype) -> list[Tensor]:
    return [torch.randn(shape, dtype=dtype) for _ in range(2)]


def features_and_grid(shape: tuple[int, ...], dtype: torch.dtype) -> list[Tensor]:
    """Some places lie outside; the grid is in float32 at least, and of a size of its own."""
    batch, _, height, width = shape
    grid = torch.rand(batch, 2, height + 1, 2 * width + 1) * 2.4 - 1.2
    return [torch.randn(shape, dtype=dtype), grid]


KERNELS = {
    "cost volume": Kernel(cost_volume, correlation.cost_volume, two_features),
    "sampling": Kernel(sample, warp, features_and_grid),
}
LAYOUTS = (torch.contiguous_format, torch.channels_last)


def checks(device: torch.device) -> Iterator[Check]:
    for name, kernel in KERNELS.items():
        for dtype in PRECISIONS:
            case = f"{name} and its gradients, {str(dtype).removeprefix('torch.')}"
            yield case, partial(compare, kernel, dtype, device)


def compare(kernel: Kernel, dtype: torch.dtype, device: torch.device) -> Found:
    """The worst of all shapes and memory layouts."""
    bound, worst = PRECISIONS[dtype], (0.0, "")
    for shape in SHAPES:
        for layout in LAYOUTS:
            for what, off in offs(kernel, shape, dtype, layout, device).items():
                worst = max(worst, (off, f"{what}, {list(shape)}, {layout}"))
    told = f"off by {worst[0]:.1e} of the largest value; up to {bound:.0e}; worst: {worst[1]}"
    return Found(told, worst[0] <= bound, {"off": worst[0]})


def offs(
    kernel: Kernel,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    layout: torch.memory_format,
    device: torch.device,
) -> dict[str, float]:
    """How far the result and each gradient are from the definition's, of its largest value."""
    torch.manual_seed(0)
    given = [each.contiguous(memory_format=layout) for each in kernel.inputs(shape, dtype)]
    expected = results(kernel.definition, [each.double() for each in given])
    found = results(kernel.fast, [each.to(device) for each in given])
    names = ("result", *(f"gradient {number + 1}" for number in range(len(given))))
    return {
        name: ((a.cpu().double() - b).abs().max() / b.abs().max().clamp(min=1e-9)).item()
        for name, a, b in zip(names, found, expected, strict=True)
    }


def results(function: Callable[..., Tensor], given: list[Tensor]) -> list[Tensor]:
    """What comes out, and what each input learns of a seeded gradient."""
    own = [each.detach().requires_grad_() for each in given]
    made = function(*own)
    # One gradient for both, whatever the precision and the device.
    torch.manual_seed(1)
    grad = torch.randn(made.shape).to(torch.bfloat16).to(made)
    return [made.detach(), *torch.autograd.grad(made, own, grad)]
