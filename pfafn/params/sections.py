"""The sections of params.yaml that are not about photos, in its order."""

from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from pfafn.params.section import Fraction, Section


class Model(Section):
    """Widths of the networks; the published ones are 64,128,256,256,256 / 256 / 64."""

    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=5, max_length=5)]
    fpn: Annotated[int, Field(ge=8)]  # the flow heads are fpn / 2, / 4 and / 8 wide
    generator: PositiveInt


class Augment(Section):
    """Training-time augmentation; everything 0 is the official setting."""

    flip: Fraction
    shift: Fraction  # of the image size, each way
    scale: Fraction  # 1 - scale .. 1 + scale
    colour: Fraction  # brightness, contrast and saturation factor, each way


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


class Optimizer(Section):
    """Adam, and for weights that mix features Muon: see pfafn.training.muon."""

    beta1: Fraction
    beta2: Fraction
    muon: NonNegativeFloat  # Muon's learning rate / the stage's; paper: 0, Adam alone


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
    in_front: NonNegativeFloat  # in it, weight of a pixel where no clothes are seen / of another
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


class Schedule(Section):
    """Epochs at the full rate, then epochs of linear decay; `batch` samples per step in all."""

    epochs: NonNegativeInt
    decay: NonNegativeInt
    batch: PositiveInt
    accumulate: PositiveInt

    @model_validator(mode="after")
    def _whole(self) -> "Schedule":
        if self.epochs + self.decay < 1:
            raise ValueError("epochs + decay must be at least 1, got 0")
        if self.batch % self.accumulate:
            raise ValueError(
                f"batch {self.batch} must be a multiple of accumulate {self.accumulate}"
            )
        return self


class WarpStage(Schedule):
    """Stages `tutor_warp` and `student_warp`."""

    lr: PositiveFloat


class TutorWarpStage(WarpStage):
    """Stage `tutor_warp`."""

    hem: NonNegativeFloat  # around the hips the tutor is not told of other clothes; paper: 0


class StudentWarpStage(WarpStage):
    """Stage `student_warp`."""

    frozen_epochs: NonNegativeInt  # epochs in which the parts copied from the tutor stand still


class TryOnStage(Schedule):
    """Stages `tutor_tryon` and `student_tryon`."""

    lr_warp: PositiveFloat
    lr_generator: PositiveFloat
    warp_weight: NonNegativeFloat  # of the whole warp objective beside the generator's


class StudentTryOnStage(TryOnStage):
    """Stage `student_tryon`."""

    generator: Literal["fresh", "tutor"]  # what it starts from; fresh in the paper
    photos: Fraction  # of samples: the person's own photo stands for the fake; paper: 0
    keep: NonNegativeFloat  # weight of telling what of the photo stays; paper: 0, it is not told
    stays: NonNegativeFloat  # in that, weight of what stays / of each kind of what does not
    tone: NonNegativeFloat  # weight of finding skin, whose tone is drawn in; paper: 0, it is not


class Fakes(Section):
    """Stage `fakes`."""

    per_person: PositiveInt
    batch: PositiveInt
    min_area: Fraction  # warped mask area / image area below which a fake is rejected
    arms_in_front: bool  # keep hands and arms that the garment leaves bare; paper: false
    keep: bool  # the photo itself shows where neither old nor new clothes are; paper: false
    edge: NonNegativeInt  # pixels by which a parsing may miss the edge of the old clothes
    min_agreement: Fraction  # least share of the warped garment that the fake really shows


class Evaluate(Section):
    """Stage `evaluate`."""

    batch: PositiveInt
    grid_rows: PositiveInt


class Register(Section):
    """Stage `register`: when a challenger becomes champion."""

    metric: str  # a column of the per-sample table, of the student
    margin: NonNegativeFloat
