"""The try-on generator: a residual U-Net that draws the person around the warped garment."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pfafn.models.blocks import ConvResidual, conv

DOWNS = 5


class Tone(NamedTuple):
    """The tone of a person's skin, and where it is drawn in."""

    colour: Tensor  # [B, 3, 1, 1] in [-1, 1], a mean of the photo's own pixels
    share: Tensor  # [B, 1, H, W] in [0, 1], how much of it is in what is drawn


class Rendered(NamedTuple):
    """What the generator draws."""

    image: Tensor  # [B, 3, H, W] in [-1, 1]
    mask: Tensor  # [B, 1, H, W] in [0, 1]: how much of the warped garment to keep
    keep: Tensor | None = None  # [B, 1, H, W] in [0, 1]: how much of the photo, if it says so
    tone: Tone | None = None  # of the skin in the image, if it looks for one


def stage(first: list[nn.Module], out: int, norm: bool) -> nn.Sequential:
    """`first`, optional batch norm, ReLU, two residual blocks."""
    norms = [nn.BatchNorm2d(out)] if norm else []
    return nn.Sequential(
        *first, *norms, nn.ReLU(inplace=True), ConvResidual(out), ConvResidual(out)
    )


class Generator(nn.Module):
    """Res-UNet: [B, channels, H, W], H and W multiples of 32 -> Rendered.

    width: channels of the first level; the five levels have width * (1, 2, 4, 8, 8). None of the
    rest is in the paper. keep: it also says what of the photo, its first three channels, to keep;
    tone: it looks for the person's skin there, and draws in its mean colour; tone_above: above what
    it keeps, so that nothing is kept where skin is bared.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        keep: bool = False,
        tone: bool = False,
        tone_above: bool = False,
    ) -> None:
        super().__init__()
        self.keep, self.tone, self.tone_above = keep, tone, tone_above
        widths = [width * k for k in (1, 2, 4, 8, 8)]
        self.downs = nn.ModuleList(
            stage([conv(before, out, stride=2)], out, norm=0 < level < DOWNS - 1)
            for level, (before, out) in enumerate(zip([channels, *widths], widths, strict=False))
        )
        # From the innermost outwards; each but the first reads its skip connection too.
        doubled = [widths[-1], *(2 * w for w in widths[-2:0:-1])]
        self.ups = nn.ModuleList(
            stage([nn.Upsample(scale_factor=2, mode="nearest"), conv(before, out)], out, norm=True)
            for before, out in zip(doubled, widths[-2::-1], strict=True)
        )
        self.last = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"), conv(2 * widths[0], 4 + keep + 2 * tone)
        )

    def forward(self, x: Tensor) -> Rendered:
        photo, skips = x[:, :3], []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        skips.pop()
        for up in self.ups:
            x = torch.cat([skips.pop(), up(x)], dim=1)
        x = self.last(x)
        image, told = x[:, :3].tanh(), list(x[:, 3:].split(1, dim=1))
        mask, keep = told.pop(0).sigmoid(), told.pop(0).sigmoid() if self.keep else None
        if not self.tone:
            return Rendered(image, mask, keep)
        share, skin = told
        tone = Tone(mean_colour(photo, skin), share.sigmoid())
        if self.keep and self.tone_above:
            keep = keep * (1 - tone.share)
        return Rendered(composite(image, tone.colour, tone.share), mask, keep, tone)


def mean_colour(photo: Tensor, logits: Tensor) -> Tensor:
    """[B, 3, 1, 1] of a photo [B, 3, H, W], whose pixels weigh as logits [B, 1, H, W] say."""
    weights = logits.flatten(2).softmax(dim=2)
    return (photo.flatten(2) * weights).sum(dim=2)[..., None, None]


def composite(below: Tensor, above: Tensor, mask: Tensor) -> Tensor:
    """`above` where mask [B, 1, H, W] in [0, 1] says so, `below` elsewhere; both [B, 3, H, W].

    The try-on is the warped garment above the drawing; if the generator says what to keep, above
    the photo above the drawing; if it looks for skin, its tone is above the rest of the drawing.
    """
    return above * mask + below * (1 - mask)
