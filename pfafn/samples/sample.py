"""What a sample is, by what it is for; the same names hold batches of them."""

from typing import NamedTuple

from torch import Tensor

from pfafn.models.inputs import Annotation, Garment, Wearer


class Fake(NamedTuple):
    """The tutor's picture of the person in another garment."""

    image: Tensor  # float [3, H, W] in [-1, 1]
    mask: Tensor  # float [1, H, W] in [0, 1], the warped mask of that garment


class TutorSample(NamedTuple):
    """What the tutor learns from: a person and the garment that she wears."""

    item: Tensor  # int64 [], the manifest's number
    person: Tensor  # float [3, H, W] in [-1, 1], the photo
    annotation: Annotation
    garment: Garment  # zeros if none of the data set's garments is worn


class StudentSample(NamedTuple):
    """What the student learns from: the same, and a fake to make the photo of."""

    item: Tensor
    person: Tensor
    annotation: Annotation
    garment: Garment
    fake: Fake


class UnpairedSample(NamedTuple):
    """What the tutor makes a fake of: a person and a garment that she does not wear."""

    item: Tensor
    person: Tensor
    annotation: Annotation
    garment: Garment
    row: Tensor  # int64 [], the garment's in garments.parquet
    wearer: Wearer  # the first person of the split who wears it


class TestSample(NamedTuple):
    """What is evaluated: a person, the garment that she wears, and another one to try on."""

    __test__ = False  # not a class of tests

    item: Tensor
    person: Tensor
    annotation: Annotation
    worn: Garment
    unpaired: Garment
