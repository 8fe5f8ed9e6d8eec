"""Sections for photos: their size, and what `prepare`, `annotate` and training make of them."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from pfafn.params.section import Fraction, Section


def multiple_of_32(size: int) -> int:
    if size % 32:
        low = max(64, size // 32 * 32)
        raise ValueError(f"must be a multiple of 32 (five halvings); nearest are {low}, {low + 32}")
    return size


Side = Annotated[int, Field(ge=64, le=4096)]


class Image(Section):
    """Size of every picture the networks see, in pixels."""

    height: Side
    width: Side

    @model_validator(mode="after")
    def _multiples(self) -> "Image":
        multiple_of_32(self.height)
        multiple_of_32(self.width)
        return self

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


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


class Annotate(Section):
    """Stage `annotate`."""

    body_parts: Literal["auto", "files", "derived"]


class Augment(Section):
    """Training-time augmentation; everything 0 is the official setting."""

    flip: Fraction
    shift: Fraction  # of the image size, each way
    scale: Fraction  # 1 - scale .. 1 + scale
    colour: Fraction  # brightness, contrast and saturation factor, each way
