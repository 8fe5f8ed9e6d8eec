"""Drawing with smooth edges: shapes on a finer grid, averaged down; and the layers they become."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pfafn.studio.geometry import Floats

FINER = 3  # how many times finer the drawing grid is
_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
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
    """A transparent sheet to draw filled shapes on, in pixel coordinates."""

    def __init__(self, height: int, width: int) -> None:
        self.size = (height, width)
        fine = (height * FINER, width * FINER)
        self.colour = np.zeros((*fine, 3), np.uint8)
        self.alpha = np.zeros(fine, np.uint8)
        self.parsing = np.full(fine, KEEP, np.uint8)
        self.part = np.full(fine, KEEP, np.uint8)

    def polygon(
        self, points: ArrayLike, colour: ArrayLike, parsing: int = KEEP, part: int = KEEP
    ) -> None:
        """Fill a closed outline [N, 2]."""
        fixed = fine_points(points)
        rgb = [int(c) for c in np.clip(colour, 0, 255)]
        cv2.fillPoly(self.colour, [fixed], rgb, cv2.LINE_8, _SHIFT)
        cv2.fillPoly(self.alpha, [fixed], 255, cv2.LINE_8, _SHIFT)
        for labels, label in ((self.parsing, parsing), (self.part, part)):
            if label != KEEP:
                cv2.fillPoly(labels, [fixed], label, cv2.LINE_8, _SHIFT)

    def line(self, points: ArrayLike, colour: ArrayLike, width: float) -> None:
        """Draw an open line [N, 2], `width` pixels wide."""
        rgb = [int(c) for c in np.clip(colour, 0, 255)]
        thickness = max(1, round(width * FINER))
        for sheet, value in ((self.colour, rgb), (self.alpha, 255)):
            cv2.polylines(sheet, [fine_points(points)], False, value, thickness, cv2.LINE_8, _SHIFT)

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


def fine_points(points: ArrayLike, finer: int = FINER) -> NDArray[np.int32]:
    """Pixel coordinates [N, 2] as OpenCV's fixed-point coordinates on a finer grid."""
    fine = (np.asarray(points, np.float64) + 0.5) * finer - 0.5
    return np.round(fine * (1 << _SHIFT)).astype(np.int32)


def ellipse(centre: ArrayLike, radii: ArrayLike, start: float = 0, end: float = 360) -> Floats:
    """Points [N, 2] on an ellipse between two angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 33))
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    return (np.asarray(centre) + circle * np.asarray(radii)).astype(np.float32)
