"""Bilinear sampling and its gradients as Triton kernels that read and write once, for CUDA.

`sampling` has the definition, and the same in torch's own operators. Features of any layout and
precision; places, weights and sums are float32 at least.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import custom_op

PLACES, CHANNELS = 32, 64  # of what a program works on at a time; speed only


@custom_op("pfafn::sample", mutates_args={})
def sample(source: Tensor, grid: Tensor) -> Tensor:
    """`sampling.sample` without a gradient: [B, C, h, w], [B, 2, H, W] -> [B, C, H, W]."""
    sampled, size = _room(source, grid), grid.shape[2] * grid.shape[3]
    blocks = triton.cdiv(size, PLACES), triton.cdiv(source.shape[1], CHANNELS), len(source)
    with torch.cuda.device_of(source):
        _sample[blocks](
            source, *source.stride(), grid, *grid.stride(), sampled, *sampled.stride(),
            source.shape[1], *source.shape[2:], *grid.shape[2:],
            PLACES=PLACES, CHANNELS=_width(source),
        )  # fmt: skip
    return sampled


@sample.register_fake
def _room(source: Tensor, grid: Tensor) -> Tensor:
    batch, channels, (height, width) = *source.shape[:2], grid.shape[2:]
    return source.new_empty(batch, height, width, channels).permute(0, 3, 1, 2)


@custom_op("pfafn::sample_gradient", mutates_args={})
def gradient(grad: Tensor, source: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """What source [B, C, h, w] and grid [B, 2, H, W] learn of grad [B, C, H, W]; both float32.

    Places that several pixels are sampled from add up in no set order.
    """
    of_source, of_grid = _room_to_learn(grad, source, grid)
    of_source.zero_()
    blocks = triton.cdiv(grid.shape[2] * grid.shape[3], PLACES), len(source)
    with torch.cuda.device_of(source):
        _gradient[blocks](
            grad, *grad.stride(), source, *source.stride(), grid, *grid.stride(),
            of_source, *of_source.stride(), of_grid, *of_grid.stride(),
            source.shape[1], *source.shape[2:], *grid.shape[2:],
            PLACES=PLACES, CHANNELS=_width(source),
        )  # fmt: skip
    return of_source, of_grid


@gradient.register_fake
def _room_to_learn(grad: Tensor, source: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    total = torch.promote_types(source.dtype, torch.float32)
    batch, channels, height, width = source.shape
    of_source = grad.new_empty(batch, height, width, channels, dtype=total).permute(0, 3, 1, 2)
    return of_source, torch.empty_like(grid, dtype=total)


def _width(source: Tensor) -> int:
    """Channels that a program works on at a time."""
    return min(CHANNELS, triton.next_power_of_2(source.shape[1]))


@triton.jit
def _plus(one, other):
    return one + other


@triton.jit
def _between(place, size):
    """Of places in [-1, 1]: the pixels on both sides, the share of the second, may it be moved.

    Beyond the border, and what is no place at all, is on the border.
    """
    at = (place + 1) * ((size - 1) / 2)
    at = tl.where(at == at, at, 0)
    kept = tl.minimum(tl.maximum(at, 0), size - 1)
    first = tl.floor(kept)
    share = kept - first
    first = first.to(tl.int32)
    second = tl.minimum(first + 1, size - 1)
    return first[:, None], second[:, None], share[:, None], (at > 0) & (at < size - 1)


@triton.jit
def _sample(
    source, source_n, source_c, source_y, source_x,
    grid, grid_n, grid_d, grid_y, grid_x,
    sampled, sampled_n, sampled_c, sampled_y, sampled_x,
    channels, h, w, height, width,
    PLACES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """CHANNELS of PLACES pixels: four corners each, weighted."""
    n = tl.program_id(2).to(tl.int64)
    pixel = tl.program_id(0) * PLACES + tl.arange(0, PLACES)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    y, x, there = pixel // width, pixel % width, pixel < height * width
    at = grid + n * grid_n + y * grid_y + x * grid_x
    left, right, right_share, _ = _between(tl.load(at, mask=there, other=0), w)
    top, bottom, bottom_share, _ = _between(tl.load(at + grid_d, mask=there, other=0), h)
    wanted = there[:, None] & (c[None, :] < channels)
    source += n * source_n + c[None, :] * source_c
    above, below = source + top * source_y, source + bottom * source_y
    left, right = left * source_x, right * source_x
    upper = tl.load(above + left, mask=wanted, other=0) * (1 - right_share)
    upper += tl.load(above + right, mask=wanted, other=0) * right_share
    lower = tl.load(below + left, mask=wanted, other=0) * (1 - right_share)
    lower += tl.load(below + right, mask=wanted, other=0) * right_share
    tl.store(
        sampled + n * sampled_n + (y * sampled_y + x * sampled_x)[:, None] + c[None, :] * sampled_c,
        upper * (1 - bottom_share) + lower * bottom_share, mask=wanted,
    )  # fmt: skip


@triton.jit
def _gradient(
    grad, grad_n, grad_c, grad_y, grad_x,
    source, source_n, source_c, source_y, source_x,
    grid, grid_n, grid_d, grid_y, grid_x,
    of_source, of_source_n, of_source_c, of_source_y, of_source_x,
    of_grid, of_grid_n, of_grid_d, of_grid_y, of_grid_x,
    channels, h, w, height, width,
    PLACES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """PLACES pixels, all channels: what their four corners learn, and what their places do."""
    TOTAL: tl.constexpr = tl.float64 if source.dtype.element_ty == tl.float64 else tl.float32
    n = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * PLACES + tl.arange(0, PLACES)
    y, x, there = pixel // width, pixel % width, pixel < height * width
    at = grid + n * grid_n + y * grid_y + x * grid_x
    left, right, right_share, moves_x = _between(tl.load(at, mask=there, other=0), w)
    top, bottom, bottom_share, moves_y = _between(tl.load(at + grid_d, mask=there, other=0), h)
    along_x, along_y = tl.full((PLACES,), 0, TOTAL), tl.full((PLACES,), 0, TOTAL)
    for first in range(0, channels, CHANNELS):
        c = first + tl.arange(0, CHANNELS)[None, :]
        wanted = there[:, None] & (c < channels)
        told = tl.load(
            grad + n * grad_n + (y * grad_y + x * grad_x)[:, None] + c * grad_c,
            mask=wanted, other=0,
        ).to(TOTAL)  # fmt: skip
        upper, lower = told * (1 - bottom_share), told * bottom_share
        learnt = of_source + n * of_source_n + c * of_source_c
        above, below = learnt + top * of_source_y, learnt + bottom * of_source_y
        to_left, to_right = left * of_source_x, right * of_source_x
        tl.atomic_add(above + to_left, upper * (1 - right_share), mask=wanted, sem="relaxed")
        tl.atomic_add(above + to_right, upper * right_share, mask=wanted, sem="relaxed")
        tl.atomic_add(below + to_left, lower * (1 - right_share), mask=wanted, sem="relaxed")
        tl.atomic_add(below + to_right, lower * right_share, mask=wanted, sem="relaxed")
        seen = source + n * source_n + c * source_c
        above, below = seen + top * source_y, seen + bottom * source_y
        to_left, to_right = left * source_x, right * source_x
        one = tl.load(above + to_left, mask=wanted, other=0).to(TOTAL)
        two = tl.load(above + to_right, mask=wanted, other=0).to(TOTAL)
        three = tl.load(below + to_left, mask=wanted, other=0).to(TOTAL)
        four = tl.load(below + to_right, mask=wanted, other=0).to(TOTAL)
        along_x += tl.reduce(upper * (two - one) + lower * (four - three), 1, _plus)
        upper, lower = told * (1 - right_share), told * right_share
        along_y += tl.reduce(upper * (three - one) + lower * (four - two), 1, _plus)
    at = of_grid + n * of_grid_n + y * of_grid_y + x * of_grid_x
    tl.store(at, tl.where(moves_x, along_x * ((w - 1) / 2), 0), mask=there)
    tl.store(at + of_grid_d, tl.where(moves_y, along_y * ((h - 1) / 2), 0), mask=there)
