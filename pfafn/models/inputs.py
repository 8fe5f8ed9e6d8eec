"""What the networks are given, in batches."""

from typing import NamedTuple

from torch import Tensor


class Garment(NamedTuple):
    """Garments, laid flat."""

    image: Tensor  # float [B, 3, H, W] in [-1, 1], times the mask: the background is 0
    mask: Tensor  # float [B, 1, H, W] in {0, 1}


class Annotation(NamedTuple):
    """What is where on a person's photo, and which kind of garment she is to wear: the tutor's."""

    parsing: Tensor  # integer [B, H, W], ids of Parsing
    body_parts: Tensor  # integer [B, H, W], ids of BodyPart
    keypoints: Tensor  # float [B, 18, 3]: x, y in pixels, score
    category: Tensor  # int64 [B], of Category


class Wearer(NamedTuple):
    """What is where on somebody who wears a garment; zeros if nobody does."""

    parsing: Tensor  # integer [B, H, W], ids of Parsing
    body_parts: Tensor  # integer [B, H, W], ids of BodyPart
