"""Geometry of appearance flow: pure functions, no parameters.

Conventions, for every function here. A *grid* is where each output pixel samples its source:
absolute, float [B, 2, H, W] in [-1, 1] with -1 and 1 on the centres of the border pixels
(align_corners=True); channel 0 is x (right), channel 1 is y (down). An *offset* is a displacement
in pixels of its own level, same layout. Warping is backward: out(p) = source(grid(p)).

NOTE: grids are resized with align_corners=False, as the published weights expect. So resizing an
identity grid is not exactly the identity at the borders.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def half_extent(like: Tensor) -> Tensor:
    """[1, 2, 1, 1]: (W - 1) / 2 and (H - 1) / 2 of `like` [..., H, W]; pixels per unit of grid."""
    h, w = like.shape[-2:]
    # Filled where they are used: a GPU would wait for numbers that come from the host.
    return torch.cat([like.new_full((1, 1, 1, 1), (side - 1) / 2) for side in (w, h)], dim=1)


def grid_of(offset: Tensor) -> Tensor:
    """The grid that samples at p + offset(p). offset float [B, 2, H, W] in pixels -> the same."""
    h, w = offset.shape[-2:]
    like = {"dtype": offset.dtype, "device": offset.device}
    ys, xs = torch.meshgrid(torch.arange(h, **like), torch.arange(w, **like), indexing="ij")
    return (torch.stack([xs, ys]) + offset) / half_extent(offset) - 1


def flow_of(grid: Tensor) -> Tensor:
    """The inverse of `grid_of`: displacement in pixels, [B, 2, H, W]."""
    return grid * half_extent(grid) - grid_of(torch.zeros_like(grid)) * half_extent(grid)


def warp(source: Tensor, grid: Tensor, padding: str = "border") -> Tensor:
    """Sample source [B, C, h, w] bilinearly at grid [B, 2, H, W] -> [B, C, H, W].

    padding: "border" for garments, features and grids, "zeros" for garment masks.
    """
    n = source.shape[0]
    if grid.ndim != 4 or grid.shape[:2] != (n, 2):
        raise ValueError(f"grid for {n} sources must be [{n}, 2, H, W], got {list(grid.shape)}")
    return F.grid_sample(source, grid.movedim(1, -1), padding_mode=padding, align_corners=True)


def compose(grid: Tensor, offset: Tensor) -> Tensor:
    """First step by `offset`, then sample where `grid` says: grid(p + offset(p)), [B, 2, H, W]."""
    return warp(grid, grid_of(offset))


def upsample(grid: Tensor) -> Tensor:
    """Twice the size, [B, 2, H, W] -> [B, 2, 2H, 2W]; absolute grids keep their values."""
    return F.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear without antialiasing, to size = (height, width)."""
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False)


def second_order(grid: Tensor, epsilon: float = 1e-6, power: float = 0.45) -> Tensor:
    """Second-order smoothness (paper eq. 2): generalised Charbonnier of the 1,-2,1 differences.

    Horizontal, vertical and both diagonals of grid [B, 2, H, W], inside the image only; scalar,
    the mean over one axis of motion, summed over x and y.
    """
    centre = grid[..., 1:-1, 1:-1]
    pairs = (
        (grid[..., 1:-1, :-2], grid[..., 1:-1, 2:]),
        (grid[..., :-2, 1:-1], grid[..., 2:, 1:-1]),
        (grid[..., :-2, :-2], grid[..., 2:, 2:]),
        (grid[..., 2:, :-2], grid[..., :-2, 2:]),
    )
    bends = torch.stack([a + b - 2 * centre for a, b in pairs])
    return 2 * (bends.square() + epsilon).pow(power).mean()


def total_variation(offset: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, rows plus columns, of offset [B, 2, H, W]; scalar."""
    rows, columns = offset[..., 1:, :] - offset[..., :-1, :], offset[..., 1:] - offset[..., :-1]
    return rows.abs().mean() + columns.abs().mean()
