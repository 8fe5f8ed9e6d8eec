"""The cost volume: how well each place of one feature map matches the other's neighbourhood."""

import torch
import torch.nn.functional as F
from torch import Tensor


def cost_volume(garment: Tensor, person: Tensor, radius: int = 3) -> Tensor:
    """Local correlation  c(p, d) = <garment(p), person(p + d)> / C  for |d| <= radius.

    garment, person [B, C, H, W] -> [B, (2 * radius + 1) ** 2, H, W], d in row-major order (dy slow,
    dx fast). Outside the image, person is zero.
    """
    side, (height, width) = 2 * radius + 1, garment.shape[-2:]
    padded = F.pad(person, (radius,) * 4)
    shifted = [
        padded[..., dy : dy + height, dx : dx + width] for dy in range(side) for dx in range(side)
    ]
    return torch.stack([(garment * there).mean(dim=1) for there in shifted], dim=1)
