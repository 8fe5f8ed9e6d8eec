"""The parser: one photo in, what each pixel of the person is and where the joints are.

Ours, and no part of the paper: it stands in for the annotations that a folder of photos lacks.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.models.blocks import ConvResidual, conv
from pfafn.models.parts import Keypoint, Parsing

MULTIPLES = (1, 2, 4, 6, 8)  # of the width, at 1/2, 1/4, ... 1/32 of the size
GRID = 4  # pixels of the photo from one place to the next of those where a joint can be
NEAR = 2  # places around the likeliest one over which a joint is averaged


class Parsed(NamedTuple):
    """What the network says, all as logits.

    parsing: [B, 14, H, W], `Parsing` order. places: [B, 18, H / 4 * W / 4 + 1], `Keypoint` order: a
    joint is at one of the places of a grid, row by row, or last of all not to be seen.
    """

    parsing: Tensor
    places: Tensor


class Parser(nn.Module):
    """U-Net: photo [B, 3, H, W] in [-1, 1], H and W multiples of 32 -> Parsed.

    width: channels at half the size.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.architecture = {"role": "parser", "width": width}
        widths = [width * k for k in MULTIPLES]
        self.downs = nn.ModuleList(
            nn.Sequential(*_normed(before, out, 2), ConvResidual(out))
            for before, out in zip([3, *widths], widths, strict=False)
        )
        self.ups = nn.ModuleList(
            nn.Sequential(*_normed(skip + below, skip, 1)) for skip, below in pairwise(widths)
        )
        self.parsing = nn.Conv2d(widths[0], len(Parsing), 1)
        self.joints = nn.Conv2d(widths[1], len(Keypoint), 1)
        self.unseen = nn.Linear(widths[-1], len(Keypoint))

    def forward(self, photo: Tensor) -> Parsed:
        levels, x = [], photo
        for down in self.downs:
            x = down(x)
            levels.append(x)
        unseen = self.unseen(x.mean(dim=(2, 3)))
        for level in reversed(range(len(self.ups))):
            below = F.interpolate(x, scale_factor=2, mode="nearest")
            x = self.ups[level](torch.cat([below, levels[level]], dim=1))
            if 2 ** (level + 1) == GRID:
                joints = self.joints(x)
        parsing = F.interpolate(
            self.parsing(x), scale_factor=2, mode="bilinear", align_corners=False
        )
        return Parsed(parsing, torch.cat([joints.flatten(2), unseen[..., None]], dim=2))


def _normed(channels: int, out: int, stride: int) -> list[nn.Module]:
    return [conv(channels, out, stride), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]


def joints(places: Tensor, size: tuple[int, int]) -> Tensor:
    """Where the joints are, by Parsed.places of photos of size = (height, width).

    [B, 18, P] -> [B, 18, 3]: x, y in pixels, and how likely it is that the joint is to be seen. The
    place is the middle of what lies near the likeliest one.
    """
    rows, columns = size[0] // GRID, size[1] // GRID
    chance = places.softmax(dim=2)
    seen = chance[..., :-1].unflatten(2, (rows, columns))  # [B, 18, rows, columns]
    best = seen.flatten(2).argmax(dim=2)
    y, x = (torch.arange(n, device=places.device).float() for n in (rows, columns))
    close_y = (y - (best // columns)[..., None]).abs() <= NEAR  # [B, 18, rows]
    close_x = (x - (best % columns)[..., None]).abs() <= NEAR
    near = seen * close_y[..., None] * close_x[..., None, :]
    total = near.sum(dim=(2, 3))
    at = [(near.sum(3) * y).sum(2), (near.sum(2) * x).sum(2)]
    at_y, at_x = ((one / total + 0.5) * GRID - 0.5 for one in at)
    return torch.stack([at_x, at_y, 1 - chance[..., -1]], dim=2)
