"""The sections of params.yaml, in its order."""

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

Side = Annotated[int, Field(ge=64, le=4096)]


class Image(Section):
    """Size of every picture the networks see, in pixels."""

    height: Side
    width: Side

    @model_validator(mode="after")
    def _multiples(self) -> "Image":
        for side in self.size:
            if side % 32:
                low = max(64, side // 32 * 32)
                raise ValueError(
                    f"must be a multiple of 32 (five halvings); nearest are {low}, {low + 32}"
                )
        return self

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


class Model(Section):
    """Widths of the networks; the published ones are 64,128,256,256,256 / 256 / 64."""

    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=5, max_length=5)]
    fpn: Annotated[int, Field(ge=8)]  # the flow heads are fpn / 2, / 4 and / 8 wide
    generator: PositiveInt


class Limit(Section):
    """At most so many samples of each split (the first by name); null = all."""

    train: PositiveInt | None
    test: PositiveInt | None


class Prepare(Section):
    """Stage `prepare`."""

    max_rejected: Fraction
    limit: Limit
    test_fraction: Fraction  # split off, by seeded draw, when the data set names no test split
    unpaired: PositiveInt  # garments drawn for each training person
    min_mask: Fraction  # garment mask area / image area below which a mask is "empty"
    max_mask: Fraction  # and above which it is "full"
    # Whose class ids the parsing maps have; auto = the layout's.
    parsing: Literal["auto", "viton", "lip", "viton-hd", "atr", "groups"]
    implausible: Literal["reject", "note"]  # what to do about annotations that cannot be true

    def scheme(self, of_layout: str) -> str:
        """Whose class ids the parsing maps of a layout have."""
        return of_layout if self.parsing == "auto" else self.parsing

    @property
    def strict(self) -> bool:
        """Whether what is implausible is rejected, or only noted."""
        return self.implausible == "reject"


class Annotate(Section):
    """Stage `annotate`: whether the data set's annotations are taken, or estimated by a parser.

    To estimate, parser: the file of one that `pfafn train-parser` made; sha256: its SHA-256, or at
    least the first 8 digits; pose: whether it tells the keypoints too, or other people's models,
    which `pfafn estimators fetch` gets. Where the data set's are taken, all three are null.
    """

    source: Literal["dataset", "estimate"]
    parser: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")] | None
    pose: Literal["parser", "others"] | None
    body_parts: Literal["auto", "files", "derived"]

    @model_validator(mode="after")
    def _known_parser(self) -> "Annotate":
        told = {"parser": self.parser, "sha256": self.sha256, "pose": self.pose}
        wrong = {name: value for name, value in told.items() if (value is None) == self.estimates}
        if wrong:
            raise ValueError(
                f"source is {self.source} with {wrong}: to estimate, parser and sha256 say which "
                "file `pfafn train-parser` made, and pose whose keypoints; else all are null"
            )
        if self.estimates and self.body_parts == "files":
            raise ValueError("source is estimate, so body_parts must be auto or derived, not files")
        return self

    @property
    def estimates(self) -> bool:
        """Whether the data set's annotations are left alone."""
        return self.source == "estimate"


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
    tone: NonNegativeFloat  # weight of finding skin, whose tone is drawn in; paper: 0, it is not


class Fakes(Section):
    """Stage `fakes`."""

    per_person: PositiveInt
    batch: PositiveInt
    min_area: Fraction  # warped mask area / image area below which a fake is rejected
    arms_in_front: bool  # keep hands and arms that the garment leaves bare; paper: false
    keep: bool  # the photo itself shows where neither old nor new clothes are; paper: false
    min_agreement: Fraction  # least share of the warped garment that the fake really shows


class Evaluate(Section):
    """Stage `evaluate`."""

    batch: PositiveInt
    grid_rows: PositiveInt


class Register(Section):
    """Stage `register`: when a challenger becomes champion."""

    metric: str  # a column of the per-sample table, of the student
    margin: NonNegativeFloat
