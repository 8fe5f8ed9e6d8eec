"""The student as one network over bytes, in operations that are fast in ONNX.

Written from the networks as they read; two of their operations are said otherwise, as what runs an
ONNX file is several times slower at them. Both give the same numbers but for rounding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.fast.flow import FastFlowNet
from pfafn.inference.tryon import told
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import RADIUS, SLOPE
from pfafn.photos.masks import SOLID

BLOCK = 16  # places of a row that are one side of a matrix product, at most; speed only


class Portable(nn.Module):
    """person, garment uint8 RGB [B, H, W, 3], mask uint8 [B, H, W] -> the try-on.

    As `Drawn` of a batch, and float32 [B, 3, H, W] in [-1, 1], which its image is rounded from. A
    mask's pixels count above SOLID.
    """

    def __init__(self, net: TryOnNet) -> None:
        """net: a student, which becomes this one's own."""
        super().__init__()
        self.net = net.eval().requires_grad_(False)
        self.net.warp.flow = PortableFlowNet(net.warp.flow)

    def forward(self, person: Tensor, garment: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        solid = (mask > SOLID).float().unsqueeze(1)
        worn = self.net.wear(values(person), values(garment) * solid, solid)
        return *told(worn), worn.image


def values(rgb: Tensor) -> Tensor:
    """uint8 RGB [B, H, W, 3] -> float32 [B, 3, H, W] in [-1, 1]."""
    return (rgb.movedim(-1, 1).float() / 255 - 0.5) / 0.5


class PortableFlowNet(FastFlowNet):
    """`FlowNet` with a cost volume of matrix products and a sampling without a border."""

    def warp(self, features: Tensor, grid: Tensor) -> Tensor:
        return sample(features, grid)

    def costs(self, warped: Tensor, person: Tensor) -> Tensor:
        return F.leaky_relu(cost_volume(warped, person, RADIUS), SLOPE)


def sample(source: Tensor, grid: Tensor) -> Tensor:
    """`models.geometry.warp` to the border, told so that no place outside is asked for.

    Sampling is quickest in the convention in which -1 and 1 are the outer edges of the border
    pixels, with zeros outside. A grid that ends on their centres needs no border there.
    """
    height, width = source.shape[-2:]
    shrunk = grid.new_tensor([(width - 1) / width, (height - 1) / height])
    places = grid.movedim(1, -1).clamp(-1, 1) * shrunk
    return F.grid_sample(source, places, padding_mode="zeros", align_corners=False)


def cost_volume(garment: Tensor, person: Tensor, radius: int) -> Tensor:
    """`models.correlation.cost_volume`: of each block of a row and the window that it can reach.

    Their matrix product holds the costs in its diagonals; what else is in it is left out.
    """
    channels, height, width = garment.shape[1:]
    side = 2 * radius + 1
    block = max(size for size in range(1, BLOCK + 1) if width % size == 0)
    reach = block + 2 * radius
    rows = (garment / channels).movedim(1, -1).unflatten(2, (-1, block))  # [B, h, w / t, t, C]
    padded = F.pad(person, (radius,) * 4)
    windows = torch.stack([padded[..., x : x + reach] for x in range(0, width, block)], dim=1)
    windows = windows.permute(0, 3, 1, 2, 4)  # [B, h + 2 r, w / t, C, t + 2 r]
    diagonals = torch.arange(block)[:, None] * (reach + 1) + torch.arange(side)
    costs = []
    for dy in range(side):
        products = (rows @ windows[:, dy : dy + height]).flatten(3)
        kept = products.index_select(3, diagonals.flatten().to(products.device))
        costs.append(kept.unflatten(3, (block, side)).flatten(2, 3))  # [B, h, w, side]
    return torch.cat(costs, dim=3).movedim(-1, 1)
