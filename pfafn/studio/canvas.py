"""Drawing with smooth edges: shapes on a finer grid, averaged down; and the layers they become."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pfafn.studio.geometry import Floats

FINER = 3  # how many times finer the drawing grid is
_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
Value = float | list[int] | list[float]  # of a gray or an RGB sheet
KEEP = 255  # a label that leaves what is below it


class Layer(NamedTuple):
    """Something opaque or not, in front of what is drawn so far.

    alpha [H, W] in [0, 1]; colour [H, W, 3] RGB in 0..255; parsing and part [H, W] uint8 ids or
    KEEP; source [H, W, 2]: for the garment, where in the flat picture each pixel comes from.
    """

    alpha: Floats
    colour: Floats
    parsing: NDArray[np.uint8]
    part: NDArray[np.uint8]
    source: Floats | None = None


def layer(alpha: Floats, colour: Floats, parsing: int = KEEP, part: int = KEEP) -> Layer:
    """A layer of one parsing class and one body part."""
    labels = [np.full(alpha.shape, label, np.uint8) for label in (parsing, part)]
    return Layer(alpha, colour, *labels)


class Canvas:
    """A transparent sheet to draw shapes on, in pixels or in what `place` makes pixels of."""

    def __init__(
        self, height: int, width: int, place: Callable[[ArrayLike], Floats] = np.asarray
    ) -> None:
        self.size, self.place = (height, width), place
        fine = (height * FINER, width * FINER)
        self.colour = np.zeros((*fine, 3), np.uint8)
        self.alpha = np.zeros(fine, np.uint8)
        self.parsing = np.full(fine, KEEP, np.uint8)
        self.part = np.full(fine, KEEP, np.uint8)

    def polygon(
        self, points: ArrayLike, colour: ArrayLike, parsing: int = KEEP, part: int = KEEP
    ) -> None:
        """Fill a closed outline [N, 2]."""
        placed, rgb = self.place(points), np.clip(colour, 0, 255).astype(int).tolist()
        for sheet, value in ((self.colour, rgb), (self.alpha, 255)):
            fill(sheet, placed, value)
        for labels, label in ((self.parsing, parsing), (self.part, part)):
            if label != KEEP:
                fill(labels, placed, label)

    def line(self, points: ArrayLike, colour: ArrayLike, width: float) -> None:
        """Draw an open line [N, 2], `width` pixels wide."""
        rgb = np.clip(colour, 0, 255).astype(int).tolist()
        for sheet, value in ((self.colour, rgb), (self.alpha, 255)):
            stroke(sheet, self.place(points), value, width)

    def layer(self) -> Layer:
        """The drawing at picture size."""
        height, width = self.size
        colour = cv2.resize(self.colour, (width, height), interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(self.alpha, (width, height), interpolation=cv2.INTER_AREA)
        alpha = alpha.astype(np.float32) / 255
        straight = colour / np.maximum(alpha, 1 / 255)[..., None]
        middle = slice(FINER // 2, None, FINER)
        labels = (labels[middle, middle].copy() for labels in (self.parsing, self.part))
        return Layer(alpha, np.minimum(straight, 255).astype(np.float32), *labels)


def fill(sheet: NDArray, points: ArrayLike, value: Value, finer: int = FINER) -> None:
    """Fill a closed outline [N, 2], in the picture's pixels, on a sheet so many times finer."""
    cv2.fillPoly(sheet, [_fine_points(points, finer)], value, cv2.LINE_8, _SHIFT)


def stroke(
    sheet: NDArray, points: ArrayLike, value: Value, width: float, finer: int = FINER
) -> None:
    """Draw an open line [N, 2] there, `width` of the picture's pixels wide."""
    fixed, thickness = _fine_points(points, finer), max(1, round(width * finer))
    cv2.polylines(sheet, [fixed], False, value, thickness, cv2.LINE_8, _SHIFT)


def _fine_points(points: ArrayLike, finer: int) -> NDArray[np.int32]:
    """Pixel coordinates [N, 2] as OpenCV's fixed-point coordinates on a finer grid."""
    fine = (np.asarray(points, np.float64) + 0.5) * finer - 0.5
    return np.round(fine * (1 << _SHIFT)).astype(np.int32)


def ellipse(centre: ArrayLike, radii: ArrayLike, start: float = 0, end: float = 360) -> Floats:
    """Points [N, 2] on an ellipse between two angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 33))
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    return (np.asarray(centre) + circle * np.asarray(radii)).astype(np.float32)
