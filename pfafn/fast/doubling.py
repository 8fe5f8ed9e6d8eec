"""Nearest x2 and a 3x3 convolution as one: 4 products a pixel instead of 9, no doubled picture."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.fast.precision import Exact


def doubled(weight: Tensor) -> Tensor:
    """Filters [O, C, 3, 3] behind nearest x2 -> of a transposed convolution that is both.

    Filters [C, O, 4, 4], for stride 2 and padding 1: which taps, run over a picture of doubled
    pixels, meet a pixel of it. Exact but for rounding, up to the border.
    """
    for axis in (2, 3):
        first, middle, last = weight.unbind(axis)
        weight = torch.stack([last, middle + last, first + middle, first], dim=axis)
    return weight.transpose(0, 1)


class ExactDoublingConv2d(Exact, nn.Conv2d):
    """[B, C, H, W] -> [B, O, 2H, 2W]; its weights are those of the 3x3 convolution behind the x2.

    For few outputs of many channels, where the doubled picture would be most of the work.
    """

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv_transpose2d(x, doubled(weight), bias, stride=2, padding=1)


class Planes(nn.Module):
    """[B, C, H, W] -> the same, plane by plane in memory.

    Functions of every fourth number, such as tanh of the generator's colours, are not vectorised.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.contiguous()


def double_as_it_convolves(last: nn.Sequential) -> None:
    """Make a generator's last layer, nearest x2 and a 3x3 convolution, one; in place."""
    last[0] = nn.Identity()
    last[1].__class__ = ExactDoublingConv2d
    last.append(Planes())
