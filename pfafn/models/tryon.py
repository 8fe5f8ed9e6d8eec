"""A whole try-on network, of a tutor or a student, and what it makes."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pfafn.models.generator import Generator, Tone, composite
from pfafn.models.warp import Warped, WarpNet

CONDITION = {"tutor": 45, "student": 3}  # channels that describe the person to the warp network
GENERATOR = {"tutor": 8, "student": 7}  # channels the generator reads


class Worn(NamedTuple):
    """A garment on a person."""

    image: Tensor  # [B, 3, H, W] in [-1, 1], the try-on
    rendered: Tensor  # [B, 3, H, W] in [-1, 1]
    mask: Tensor  # [B, 1, H, W] in [0, 1], share of the warped garment in the try-on
    warped: Warped
    composition: Tensor  # [B, 1, H, W] in [0, 1], the generator's part in the mask
    behind: Tensor  # [B, 3, H, W] in [-1, 1], what shows beside the garment
    keep: Tensor | None = None  # [B, 1, H, W] in [0, 1], share of the photo in that, if told
    tone: Tone | None = None  # of the skin in what is rendered, if it looks for any


class TryOnNet(nn.Module):
    """Warp network and generator of a tutor (parser-based) or student (parser-free).

    channels, fpn: widths of the warp network; generator: width of the generator. generator=None
    makes a warp network alone. None of the rest is in the paper. keep: the generator also says what
    of the photo stays as it is; tone: it draws skin in the tone of the photo's; tone_above: also
    where the photo would stay, which networks of earlier files do not; all three only for a
    student, as a tutor is told. hem: a tutor is not told of other clothes within this reach of the
    hips, see `represent`.
    """

    def __init__(
        self,
        role: str,
        channels: list[int],
        fpn: int,
        generator: int | None,
        keep: bool = False,
        tone: bool = False,
        tone_above: bool = False,
        hem: float = 0.0,
    ) -> None:
        super().__init__()
        if role not in CONDITION:
            raise ValueError(f"role must be one of {sorted(CONDITION)}, got {role!r}")
        told = {"keep": keep, "tone": tone, "tone_above": tone_above}
        beyond = told | {"hem": hem}
        self.architecture = dict(role=role, channels=list(channels), fpn=fpn, generator=generator)
        self.architecture |= {name: value for name, value in beyond.items() if value}
        self.role, self.hem = role, hem
        self.warp = WarpNet(CONDITION[role], channels, fpn)
        self.generator = Generator(GENERATOR[role], generator, **told) if generator else None

    def render(self, shown: Tensor, warped: Warped, *extra: Tensor) -> Worn:
        """Draw the try-on. shown [B, 3, H, W]: what of the person the generator may look at.

        extra: further channels (the tutor's arms to regenerate, [B, 1, H, W]).
        """
        rendered = self.generator(torch.cat([shown, warped.garment, warped.mask, *extra], dim=1))
        mask = rendered.mask * warped.mask
        behind = rendered.image
        if rendered.keep is not None:
            behind = composite(behind, shown, rendered.keep)
        image = composite(behind, warped.garment, mask)
        drawn, composition, keep, tone = rendered
        return Worn(image, drawn, mask, warped, composition, behind, keep, tone)

    def wear(self, person: Tensor, garment: Tensor, mask: Tensor) -> Worn:
        """The student's try-on: person, garment [B, 3, H, W] in [-1, 1]; mask [B, 1, H, W] {0, 1}.

        The garment must be multiplied by its mask already.
        """
        if self.role != "student":
            raise ValueError(
                "a tutor needs parsing and pose as well; only a student is parser-free"
            )
        return self.render(person, self.warp(person, garment, mask))
