"""Blocks that generator and parser are made of."""

import torch.nn.functional as F
from torch import Tensor, nn


class ConvResidual(nn.Module):
    """Residual block, conv first, [B, C, H, W] -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            conv(channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            conv(channels, channels),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.block(x) + x)


def conv(channels: int, out: int, stride: int = 1) -> nn.Conv2d:
    """3x3 without a bias: [B, channels, H, W] -> [B, out, H / stride, W / stride]."""
    return nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
