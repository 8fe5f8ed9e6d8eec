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
    definition, but reads the features once per block instead of once per displacement. The rows of
    a window lie one after the other in memory, and those of all images on top of each other, so
    that the windows of all rows are one overlapping view; products across the seams are not used.
    """

    @staticmethod
    def forward(ctx: Any, garment: Tensor, person: Tensor, radius: int) -> Tensor:
        ctx.save_for_backward(garment, person)
        ctx.radius = radius
        batch, channels, height, width = garment.shape
        rows, windows = _rows(garment, radius), _windows(person, radius)
        side, (blocks, block) = 2 * radius + 1, _blocks(width)
        products = _products(rows, windows, side)
        costs = rows.new_empty(batch, height, blocks, block, side, side)
        for index in range(blocks):
            reach = _reach(windows[index], side)
            torch.bmm(reach, rows[index, : len(reach)].mT, out=products[: len(reach)])
            costs[:, :, index] = _band(products, costs[:, :, index].shape)
        costs = costs.view(batch, height, blocks * block, side * side)[:, :, :width]
        return costs.permute(0, 3, 1, 2).div_(channels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        garment, person = ctx.saved_tensors
        radius, side = ctx.radius, 2 * ctx.radius + 1
        batch, channels, height, width = garment.shape
        rows, windows = _rows(garment, radius), _windows(person, radius)
        blocks, block = _blocks(width)
        wanted = grad.new_zeros(batch, height, blocks * block, side * side)
        wanted[:, :, :width] = (grad / channels).permute(0, 2, 3, 1)
        wanted = wanted.view(batch, height, blocks, block, side, side)
        # Only the band is ever written; what is beside it stays zero.
        products = _products(rows, windows, side).zero_()
        of_rows, of_windows = torch.zeros_like(rows), torch.zeros_like(windows)
        for index in range(blocks):
            _band(products, wanted[:, :, index].shape).copy_(wanted[:, :, index])
            used = slice(len(products) - 2 * radius)
            for dy, part in enumerate(products[used].chunk(side, dim=1)):
                shifted = slice(dy, dy + len(part))
                of_rows[index, used].baddbmm_(part.mT, windows[index, shifted])
                of_windows[index, shifted].baddbmm_(part, rows[index, used])
        return _unrowed(of_rows, garment), _unwindowed(of_windows, radius, person), None


def _blocks(width: int) -> tuple[int, int]:
    """Number and width of the blocks of a row."""
    block = min(BLOCK, width)
    return -(-width // block), block


def _cut(features: Tensor) -> Tensor:
    """[B, C, H, W] -> [blocks, B, H, block, C], filled up with zeros; a view if nothing is."""
    batch, channels, height, width = features.shape
    blocks, block = _blocks(width)
    rows = features.permute(0, 2, 3, 1)
    if blocks * block != width:
        filled = features.new_zeros(batch, height, blocks * block, channels)
        filled[:, :, :width] = rows
        rows = filled
    return rows.unflatten(2, (blocks, block)).movedim(2, 0)


def _rows(features: Tensor, radius: int) -> Tensor:
    """[B, C, H, W] -> [blocks, B (H + 2r), block, C]: 2r rows of zeros below each image."""
    cut = _cut(features)
    if cut.shape[1] == 1:
        return cut[:, 0]
    height = cut.shape[2]
    rows = cut.new_zeros(*cut.shape[:2], height + 2 * radius, *cut.shape[3:])
    rows[:, :, :height] = cut
    return rows.flatten(1, 2)


def _windows(features: Tensor, radius: int) -> Tensor:
    """[B, C, H, W] -> [blocks, B (H + 2r), block + 2r, C]: what a block can reach, zero outside."""
    cut = _cut(features)
    blocks, batch, height, block, channels = cut.shape
    windows = cut.new_zeros(blocks, batch, height + 2 * radius, block + 2 * radius, channels)
    inner = windows[:, :, radius : radius + height]
    inner[..., radius : radius + block, :] = cut
    if blocks > 1:
        inner[1:, ..., :radius, :] = cut[:-1, ..., block - radius :, :]
        inner[:-1, ..., radius + block :, :] = cut[1:, ..., :radius, :]
    return windows.flatten(1, 2)


def _reach(windows: Tensor, side: int) -> Tensor:
    """[N + side - 1, w, C] -> [N, side w, C], a view: what each row can reach, dy slow."""
    return windows.unfold(0, side, 1).permute(0, 3, 1, 2).flatten(1, 2)


def _products(rows: Tensor, windows: Tensor, side: int) -> Tensor:
    """Room for those of a block with what it can reach, [B (H + 2r), side (block + 2r), block]."""
    return windows.new_empty(windows.shape[1], side * windows.shape[2], rows.shape[2])


def _band(products: Tensor, shape: torch.Size) -> Tensor:
    """The wanted products, [B, H, block, dy, dx], a view: place i of a block has column dx + i."""
    batch, _, block, side, _ = shape
    image, row = products.stride(0) * (len(products) // batch), products.stride(0)
    reach = products.shape[1] // side
    return products.as_strided(shape, (image, row, block + 1, reach * block, block))


def _unrowed(rows: Tensor, like: Tensor) -> Tensor:
    """[blocks, B (H + 2r), block, C] -> [B, C, H, W], back from `_rows`."""
    batch, _, height, width = like.shape
    images = rows.unflatten(1, (batch, -1))[:, :, :height]
    return images.movedim(0, 2).flatten(2, 3)[:, :, :width].permute(0, 3, 1, 2)


def _unwindowed(windows: Tensor, radius: int, like: Tensor) -> Tensor:
    """The adjoint of `_windows`: what overlapping windows say of each place, added up."""
    batch, channels, height, width = like.shape
    blocks, block = _blocks(width)
    padded = windows.new_zeros(batch, height, blocks * block + 2 * radius, channels)
    inner = windows.unflatten(1, (batch, -1))[:, :, radius : radius + height]
    for index in range(blocks):
        start = index * block
        padded[:, :, start : start + block + 2 * radius] += inner[index]
    return padded[:, :, radius : radius + width].permute(0, 3, 1, 2)
