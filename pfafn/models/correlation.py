"""The cost volume: how well each place of one feature map matches the other's neighbourhood."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 16  # places of a row that are one side of a matrix product; speed only


def cost_volume(garment: Tensor, person: Tensor, radius: int = 3) -> Tensor:
    """Local correlation  c(p, d) = <garment(p), person(p + d)> / C  for |d| <= radius.

    garment, person [B, C, H, W] -> [B, (2 * radius + 1) ** 2, H, W], d in row-major order (dy slow,
    dx fast), in person's precision. Outside the image, person is zero.
    """
    return _Correlation.apply(garment.to(person.dtype), person, radius)


class _Correlation(torch.autograd.Function):
    """Each row is cut into blocks; a block times the window it can reach is one matrix product.

    Of that product only the band |dx| <= radius is kept. This does more multiplications than the
    definition, but reads the features once per dy instead of once per displacement. Rows come
    first in memory, so that the windows of a dy are a slice and need no copy.
    """

    @staticmethod
    def forward(ctx: Any, garment: Tensor, person: Tensor, radius: int) -> Tensor:
        ctx.save_for_backward(garment, person)
        ctx.radius = radius
        batch, channels, height, width = garment.shape
        rows, windows = _rows(garment), _windows(person, radius)
        products = rows.new_empty(*rows.shape[:-1], windows.shape[-2])
        side = 2 * radius + 1
        blocks, block = rows.shape[2:4]
        costs = rows.new_empty(batch, height, blocks, block, side, side)
        for dy in range(side):
            window = windows[dy : dy + height].flatten(0, 2)
            torch.bmm(rows.flatten(0, 2), window.mT, out=products.flatten(0, 2))
            costs[..., dy, :] = _band(products, side).transpose(0, 1)
        costs = costs.view(batch, height, blocks * block, side * side)[:, :, :width]
        return costs.permute(0, 3, 1, 2).div_(channels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        garment, person = ctx.saved_tensors
        radius, side = ctx.radius, 2 * ctx.radius + 1
        _, channels, height, width = garment.shape
        rows, windows = _rows(garment), _windows(person, radius)
        # [H, B, blocks, block, side * side], zero where a row was filled up
        wanted = _rows(grad / channels)
        # Only the band is ever written; what is beside it stays zero.
        products = rows.new_zeros(*rows.shape[:-1], windows.shape[-2])
        of_rows, of_windows = torch.zeros_like(rows), torch.zeros_like(windows)
        for dy in range(side):
            _band(products, side).copy_(wanted[..., dy * side : (dy + 1) * side])
            flat, reach = products.flatten(0, 2), slice(dy, dy + height)
            of_rows.flatten(0, 2).baddbmm_(flat, windows[reach].flatten(0, 2))
            of_windows[reach].flatten(0, 2).baddbmm_(flat.mT, rows.flatten(0, 2))
        of_garment = of_rows.flatten(2, 3)[:, :, :width].permute(1, 3, 0, 2)
        return of_garment, _unwindowed(of_windows, radius, person), None


def _blocks(width: int) -> tuple[int, int]:
    """Number and width of the blocks of a row."""
    block = min(BLOCK, width)
    return -(-width // block), block


def _rows(features: Tensor) -> Tensor:
    """[B, C, H, W] -> [H, B, blocks, block, C], filled up with zeros."""
    batch, channels, height, width = features.shape
    blocks, block = _blocks(width)
    rows = features.new_zeros(height, batch, blocks * block, channels)
    rows[:, :, :width] = features.permute(2, 0, 3, 1)
    return rows.unflatten(2, (blocks, block))


def _windows(features: Tensor, radius: int) -> Tensor:
    """[B, C, H, W] -> [H + 2r, B, blocks, block + 2r, C]: what a block can reach, zero outside."""
    batch, channels, height, width = features.shape
    blocks, block = _blocks(width)
    padded = features.new_zeros(height + 2 * radius, batch, blocks * block + 2 * radius, channels)
    padded[radius : radius + height, :, radius : radius + width] = features.permute(2, 0, 3, 1)
    return padded.unfold(2, block + 2 * radius, block).mT.contiguous()


def _unwindowed(windows: Tensor, radius: int, like: Tensor) -> Tensor:
    """The adjoint of `_windows`: what overlapping windows say of each place, added up."""
    batch, channels, height, width = like.shape
    blocks, block = _blocks(width)
    padded = windows.new_zeros(height + 2 * radius, batch, blocks * block + 2 * radius, channels)
    for index in range(blocks):
        start = index * block
        padded[:, :, start : start + block + 2 * radius] += windows[:, :, index]
    inner = padded[radius : radius + height, :, radius : radius + width]
    return inner.permute(1, 3, 0, 2)


def _band(products: Tensor, side: int) -> Tensor:
    """[..., n, n + side - 1] -> [..., n, side], a view: of row i the `side` entries from i on."""
    *outer, row, entry = products.stride()
    return products.as_strided((*products.shape[:-1], side), (*outer, row + entry, entry))
