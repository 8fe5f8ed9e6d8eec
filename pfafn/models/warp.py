"""The appearance-flow warp network (AFWM, paper section 3.2): where each pixel comes from.

Two pyramids (person condition, garment) meet in a coarse-to-fine flow estimation. Height and width
must be multiples of 32. Lists of levels run coarse to fine.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.models.correlation import cost_volume
from pfafn.models.geometry import compose, grid_of, upsample, warp

RADIUS = 3
SLOPE = 0.1  # of the leaky ReLUs
LEVELS = 5


class Alignment(NamedTuple):
    """What the flow network says, per level coarse to fine (level n is H / 2 ** (4 - n) high)."""

    grids: list[Tensor]  # [B, 2, h, w], after the x2 upsampling; the last one has the image's size
    match: list[Tensor]  # [B, 2, h / 2, w / 2] offsets from correlation, in pixels of that level
    refine: list[Tensor]  # the same from appearance

    @property
    def grid(self) -> Tensor:
        """[B, 2, H, W], full size."""
        return self.grids[-1]


class ResidualBlock(nn.Module):
    """Pre-activation residual block, [B, C, H, W] -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            *activated_conv(channels, channels), *activated_conv(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x) + x


class Downsample(nn.Module):
    """Half the size, [B, C, H, W] -> [B, D, H / 2, W / 2]."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*activated_conv(channels, out, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


def activated_conv(channels: int, out: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False),
    )


class Encoder(nn.Module):
    """Feature encoder, halving at each level: [B, C, H, W] -> five features, fine to coarse."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(Downsample(before, width), ResidualBlock(width), ResidualBlock(width))
            for before, width in zip([channels, *widths], widths, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features


class Pyramid(nn.Module):
    """Feature pyramid network: features fine to coarse -> one width each, coarse to fine."""

    def __init__(self, widths: Sequence[int], fpn: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, fpn, 1) for width in reversed(widths))
        self.smooth = nn.ModuleList(nn.Conv2d(fpn, fpn, 3, padding=1) for _ in widths)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        pyramid: list[Tensor] = []
        for level, feature in enumerate(reversed(features)):
            pyramid.append(self.level(level, feature, pyramid[-1] if pyramid else None))
        return pyramid

    def level(self, level: int, feature: Tensor, above: Tensor | None) -> Tensor:
        """A level [B, F, h, w] from its feature [B, C, h, w] and the level above, half as large."""
        merged = self.lateral[level](feature)
        if above is not None:
            merged = merged + F.interpolate(above, scale_factor=2, mode="nearest")
        return self.smooth[level](merged)


class FlowHead(nn.Sequential):
    """[B, channels, H, W] -> an offset [B, 2, H, W] in pixels; 128, 64, 32 wide at fpn 256."""

    def __init__(self, channels: int, fpn: int) -> None:
        widths = (channels, fpn // 2, fpn // 4, fpn // 8)
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(SLOPE)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 2, 3, padding=1))


class FlowNet(nn.Module):
    """Appearance flow estimation: at each level correct by matching, then refine by appearance.

    grid <- grid . match(costs(warp(garment, grid), person))
    grid <- grid . refine(evidence(warp(garment, grid), person))
    """

    def __init__(self, fpn: int) -> None:
        super().__init__()
        self.match = nn.ModuleList(FlowHead((2 * RADIUS + 1) ** 2, fpn) for _ in range(LEVELS))
        self.refine = nn.ModuleList(FlowHead(2 * fpn, fpn) for _ in range(LEVELS))

    def forward(self, garment: list[Tensor], person: list[Tensor]) -> Alignment:
        grid = None
        alignment = Alignment([], [], [])
        for level, (g, p) in enumerate(zip(garment, person, strict=True)):
            # The correlation teaches the features, not the flow so far: that one is detached.
            offset = self.match[level](
                self.costs(g if grid is None else self.warp(g, grid.detach()), p)
            )
            grid = grid_of(offset) if grid is None else compose(grid, offset)
            alignment.match.append(offset)

            offset = self.refine[level](self.evidence(level, self.warp(g, grid), p))
            grid = upsample(compose(grid, offset))
            alignment.refine.append(offset)
            alignment.grids.append(grid)
        return alignment

    def warp(self, features: Tensor, grid: Tensor) -> Tensor:
        """A garment level [B, F, h, w] as the grid [B, 2, h, w] says."""
        return warp(features, grid)

    def costs(self, warped: Tensor, person: Tensor) -> Tensor:
        """What matching reads, [B, 49, h, w], of a warped garment level and a person level."""
        return F.leaky_relu(cost_volume(warped, person, RADIUS), SLOPE)

    def evidence(self, level: int, warped: Tensor, person: Tensor) -> Tensor:
        """What refinement reads, [B, 2F, h, w], of a warped garment level and a person level."""
        return torch.cat([warped, person], dim=1)


class Warped(NamedTuple):
    """Result of the warp network."""

    garment: Tensor  # [B, 3, H, W] in [-1, 1]
    mask: Tensor  # [B, 1, H, W] in [0, 1]
    alignment: Alignment
    person: list[Tensor]  # the person pyramid, [B, F, h, w], which the distillation compares


class WarpNet(nn.Module):
    """AFWM: person condition [B, condition, H, W] + garment [B, 3, H, W] -> Warped."""

    def __init__(self, condition: int, channels: Sequence[int], fpn: int) -> None:
        super().__init__()
        self.garment_encoder = Encoder(3, channels)
        self.person_encoder = Encoder(condition, channels)
        self.garment_fpn = Pyramid(channels, fpn)
        self.person_fpn = Pyramid(channels, fpn)
        self.flow = FlowNet(fpn)

    def encode_person(self, condition: Tensor) -> list[Tensor]:
        """[B, condition, H, W] -> the person pyramid, coarse to fine."""
        h, w = condition.shape[-2:]
        if h % 32 or w % 32:
            raise ValueError(f"height and width must be multiples of 32, got {h}x{w}")
        return self.person_fpn(self.person_encoder(condition))

    def encode_garment(self, garment: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> the garment pyramid, coarse to fine."""
        return self.garment_fpn(self.garment_encoder(garment))

    def align(
        self, person: list[Tensor], features: list[Tensor], garment: Tensor, mask: Tensor
    ) -> Warped:
        """Warp a garment [B, 3, H, W], its mask [B, 1, H, W] onto a person; both encoded before."""
        alignment = self.flow(features, person)
        grid = alignment.grid
        return Warped(warp(garment, grid), warp(mask, grid, padding="zeros"), alignment, person)

    def forward(self, condition: Tensor, garment: Tensor, mask: Tensor) -> Warped:
        person, features = self.encode_person(condition), self.encode_garment(garment)
        return self.align(person, features, garment, mask)
