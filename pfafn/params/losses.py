"""Sections for what a training minimises."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, model_validator

from pfafn.params.section import Section


class Perceptual(Section):
    """Where the VGG19 of the perceptual loss comes from: none, imagenet, or the path of a file.

    Of a file, sha256 gives the SHA-256 or at least its first 8 digits: DVC sees it change, and a
    file that does not have it is refused. null for none and imagenet, whose file is known.
    """

    weights: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")] | None

    @model_validator(mode="after")
    def _known_file(self) -> "Perceptual":
        if (self.weights in ("none", "imagenet")) != (self.sha256 is None):
            raise ValueError(
                f"perceptual.weights = {self.weights!r} with sha256 = {self.sha256!r}: for a file "
                "sha256 must be what `sha256sum FILE` prints, for none and imagenet null"
            )
        return self


class WarpLoss(Section):
    """Weights inside one pyramid level (paper eq. 1-4), and of the total variation."""

    l1: NonNegativeFloat
    vgg: NonNegativeFloat
    mask: NonNegativeFloat
    second_order: NonNegativeFloat
    tv: NonNegativeFloat


class GeneratorLoss(Section):
    """Weights of the try-on and the rendered image, and of the composition mask."""

    l1: NonNegativeFloat
    vgg: NonNegativeFloat
    mask: NonNegativeFloat
    occlusion: NonNegativeFloat  # composition mask against the clothes' mask; ours, paper: 0
    skin_l1: NonNegativeFloat
    skin_vgg: NonNegativeFloat
    skin_late: NonNegativeFloat  # factor on both skin weights once the learning rate decays


class Distillation(Section):
    """Adjustable knowledge distillation (paper section 3.3)."""

    mode: Literal["none", "fixed", "adjustable"]
    features: NonNegativeFloat
    flow: NonNegativeFloat


class Losses(Section):
    warp: WarpLoss
    generator: GeneratorLoss
    distillation: Distillation
