"""Sections for the networks' widths and how fast they learn."""

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


class Optimizer(Section):
    """Adam."""

    beta1: Fraction
    beta2: Fraction


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


class StudentWarpStage(WarpStage):
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
