"""What a bad human parser does to a parsing map."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.models.parts import Parsing

_CONFUSED = (
    Parsing.BACKGROUND,
    Parsing.UPPER_CLOTHES,
    Parsing.DRESS,
    Parsing.LOWER_CLOTHES,
    Parsing.LEFT_ARM,
    Parsing.RIGHT_ARM,
)


def corrupt(
    parsing: NDArray[np.uint8], amount: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A parsing map [H, W] as a parser of the given badness, in [0, 1], would return it.

    Arms are swapped, clothes shrink or spread, and blobs of wrong classes appear on the figure; the
    more of each, the larger the amount. Zero returns the map as it is.
    """
    if amount == 0:
        return parsing
    result = parsing.copy()
    if rng.random() < 0.4 * amount:
        result[parsing == Parsing.LEFT_ARM] = Parsing.RIGHT_ARM
        result[parsing == Parsing.RIGHT_ARM] = Parsing.LEFT_ARM
    reach = parsing.shape[0] / 24
    if rng.random() < amount:
        result = _resize_clothes(result, round(amount * rng.uniform(-1, 1) * reach))
    ys, xs = np.nonzero(parsing)
    for _ in range(rng.poisson(7 * amount) if len(ys) else 0):
        place = rng.integers(len(ys))
        axes = np.round(rng.uniform(0.5, 1.8, 2) * reach).astype(int).clip(1)
        centre = (int(xs[place]), int(ys[place]))
        wrong = int(rng.choice(_CONFUSED))
        cv2.ellipse(result, centre, axes.tolist(), rng.uniform(0, 180), 0, 360, wrong, cv2.FILLED)
    return result


def _resize_clothes(parsing: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    """Grow the upper clothes over their surroundings by pixels, or (negative) shrink them."""
    if by == 0:
        return parsing
    clothes = (parsing == Parsing.UPPER_CLOTHES).astype(np.uint8)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(by) + 1,) * 2)
    result = parsing.copy()
    if by > 0:
        result[cv2.dilate(clothes, disk) > 0] = Parsing.UPPER_CLOTHES
    else:
        result[(clothes > 0) & (cv2.erode(clothes, disk) == 0)] = Parsing.BACKGROUND
    return result
