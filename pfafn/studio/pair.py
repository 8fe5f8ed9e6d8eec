"""A drawn person and a garment to try on, always the same: for trials and examples."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pfafn.studio.dataset import draw_sample
from pfafn.studio.flat import FlatGarment, lay_flat
from pfafn.studio.scene import Photograph, keypoints, photograph

SEED = 7


class DrawnPair(NamedTuple):
    """A person's photo with her keypoints [18, 3], and another garment than she wears."""

    photo: Photograph
    keypoints: NDArray[np.float32]
    garment: FlatGarment


@lru_cache(1)
def drawn_pair(size: tuple[int, int]) -> DrawnPair:
    """The pair, in pictures of size (height, width)."""
    sample, other = (draw_sample(SEED, "test", number) for number in (0, 1))
    photo = photograph(sample.person, sample.garment, lay_flat(sample.garment, *size))
    return DrawnPair(photo, keypoints(sample.person, *size), lay_flat(other.garment, *size))
