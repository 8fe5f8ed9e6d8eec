"""The cost volume: how well each place of one feature map matches the other's neighbourhood."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pfafn.kit import machine

BLOCK = 16  # places of a row that are one side of a matrix product; speed only
TRITON = machine.has_triton()


def cost_volume(garment: Tensor, person: Tensor, radius: int = 3) -> Tensor:
    """`models.correlation.cost_volume` in person's precision, [B, (2 * radius + 1) ** 2, H, W]."""
    return _Correlation.apply(garment.to(person.dtype), person, radius)


def _kernels(features: Tensor) -> ModuleType | None:
    """What computes costs and gradients of features that are on a GPU."""
    if features.device.type != "cuda" or not TRITON:
        return None
    from pfafn.fast import correlation_kernel

    return correlation_kernel


class _Correlation(torch.autograd.Function):
    """By a kernel on a GPU, else by matrix products.

    Each row is cut into blocks; a block times the window it can reach is one matrix product, of
    which only the band |dx| <= radius is kept. This does more multiplications than the definition,
    but reads the features once per block instead of once per displacement. The rows of a window lie
    one after the other in memory, and those of all images on top of each other, so that the windows
    of all rows are one overlapping view; products across the seams are not used.
    """

    @staticmethod
    def forward(ctx: Any, garment: Tensor, person: Tensor, radius: int) -> Tensor:
        ctx.save_for_backward(garment, person)
        ctx.radius = radius
        if kernels := _kernels(person):
            return kernels.cost_volume(garment, person, radius)
        batch, channels, height, width = garment.shape
        side = 2 * radius + 1
        costs = garment.new_empty(batch, height, width, side, side)
        for block in _blocks(width):
            rows, window = _rows(garment, block, radius), _window(person, block, radius)
            products = window.new_empty(len(window), side * window.shape[1], rows.shape[1])
            # What each row can reach, [N, side w, C], dy slow: a view.
            reach = window.unfold(0, side, 1).permute(0, 3, 1, 2).flatten(1, 2)
            torch.bmm(reach, rows[: len(reach)].mT, out=products[: len(reach)])
            wanted = costs[:, :, block]
            wanted.copy_(_band(products, batch, side)[:, :, : wanted.shape[2]])
            del rows, window, products, reach  # before those of the next block
        return costs.flatten(3).permute(0, 3, 1, 2).div_(channels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        garment, person = ctx.saved_tensors
        radius, side = ctx.radius, 2 * ctx.radius + 1
        if kernels := _kernels(person):
            of_garment = kernels.gradient(grad, person, radius, False)
            return of_garment, kernels.gradient(grad, garment, radius, True), None
        batch, channels, height, width = garment.shape
        wanted = (grad / channels).permute(0, 2, 3, 1).unflatten(3, (side, side))
        blocks = _blocks(width)
        of_garment = grad.new_empty(batch, height, width, channels)
        of_person = grad.new_zeros(batch, height, blocks[-1].stop + 2 * radius, channels)
        for block in blocks:
            rows, window = _rows(garment, block, radius), _window(person, block, radius)
            products = window.new_zeros(len(window), side * window.shape[1], rows.shape[1])
            inside = wanted[:, :, block]
            _band(products, batch, side)[:, :, : inside.shape[2]] = inside
            of_rows, of_window = rows.new_zeros(rows.shape), torch.zeros_like(window)
            used = slice(len(products) - 2 * radius)
            for dy, part in enumerate(products[used].chunk(side, dim=1)):
                shifted = slice(dy, dy + len(part))
                of_rows[used].baddbmm_(part.mT, window[shifted])
                of_window[shifted].baddbmm_(part, rows[used])
            of_rows, of_window = (each.unflatten(0, (batch, -1)) for each in (of_rows, of_window))
            of_garment[:, :, block] = of_rows[:, :height, : inside.shape[2]]
            reached = of_person[:, :, block.start : block.stop + 2 * radius]
            reached += of_window[:, radius : radius + height]
        of_person = of_person[:, :, radius : radius + width]
        return of_garment.permute(0, 3, 1, 2), of_person.permute(0, 3, 1, 2), None


def _blocks(width: int) -> list[slice]:
    """The blocks of a row; the last one may reach beyond its end, where all is zero."""
    block = min(BLOCK, width)
    return [slice(at, at + block) for at in range(0, width, block)]


def _rows(features: Tensor, block: slice, radius: int) -> Tensor:
    """A block of [B, C, H, W] -> [B (H + 2r), w, C]: 2r rows of zeros below each image."""
    rows = features[..., block].permute(0, 2, 3, 1)
    batch, height, inside, channels = rows.shape
    spaced = rows.new_zeros(batch, height + 2 * radius, block.stop - block.start, channels)
    spaced[:, :height, :inside] = rows
    return spaced.flatten(0, 1)


def _window(features: Tensor, block: slice, radius: int) -> Tensor:
    """What a block of [B, C, H, W] can reach, zero outside: [B (H + 2r), w + 2r, C]."""
    batch, channels, height, width = features.shape
    left, right = max(block.start - radius, 0), min(block.stop + radius, width)
    room = batch, height + 2 * radius, block.stop - block.start + 2 * radius, channels
    window, shift = features.new_zeros(room), radius - block.start
    inside = window[:, radius : radius + height, left + shift : right + shift]
    inside.copy_(features[..., left:right].permute(0, 2, 3, 1))
    return window.flatten(0, 1)


def _band(products: Tensor, batch: int, side: int) -> Tensor:
    """Of products [B (H + 2r), side (w + 2r), w] the wanted ones, [B, H, w, dy, dx], a view.

    Place i of a block has column dx + i.
    """
    rows, (row, _, _) = len(products) // batch, products.stride()
    reach, block = products.shape[1] // side, products.shape[2]
    shape = batch, rows - side + 1, block, side, side
    return products.as_strided(shape, (rows * row, row, block + 1, reach * block, block))
