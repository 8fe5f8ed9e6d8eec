"""A garment warped at its own resolution: prints are as sharp as the shop's picture has them.

A network says where each of its pixels comes from in a garment's picture of its own size. Between
its pixels that is interpolated, so that the garment's own photo can be asked at the resolution of
the person's.
"""

import math
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.photos.entrance import GarmentPhoto
from pfafn.photos.fitting import placement, resized
from pfafn.photos.framing import Frame, matched
from pfafn.photos.images import Pixels
from pfafn.photos.masks import SOLID

LARGEST = 2048  # pixels: the longer side of a garment that is kept; no more is held of it
Floats = NDArray[np.float32]


class Drawn(NamedTuple):
    """What a network says of a person in a garment, at its own size; of one pair or of a batch."""

    image: Any  # uint8 [h, w, 3]: the try-on
    behind: Any  # uint8 [h, w, 3]: what shows beside the garment
    composition: Any  # uint8 [h, w], of 255: how much of the garment shows where there is any
    # uint8 [h, w, 1 or 2], of 255: how much of a pixel is the garment, and, if the network says it,
    # how much of it is not the photo.
    shares: Any
    grid: Any  # float32 [2, h, w], x and y: where the garment is sampled (`models.geometry`)


class OwnGarment(NamedTuple):
    """A garment cut out of its photo, and where in the picture of it that a network sees it is."""

    rgba: Pixels  # [H, W, 4]: its colours times its mask, and the mask
    scale: Floats  # x, y: pixels of it per pixel of the network's picture
    start: Floats  # x, y: where in it the network's first pixel is

    @classmethod
    def of(cls, photo: GarmentPhoto, model_size: tuple[int, int]) -> Self:
        """The garment of a photo that a network of `model_size` sees letterboxed."""
        left, top, width, height = cv2.boundingRect(photo.mask)
        rows, columns = Frame(top, left, height, width).slices
        mask = np.ascontiguousarray(photo.mask[rows, columns])
        rgba = cv2.merge([*cv2.split(photo.rgb[rows, columns]), mask])
        rgba = cv2.bitwise_and(rgba, rgba, mask=mask)
        place = placement(photo.rgb.shape[:2], model_size)
        scale = 1 / np.float32([place.scale_x, place.scale_y])
        start = (0.5 - np.float32([place.left, place.top])) * scale - 0.5 - (left, top)
        return cls(rgba, scale, start.astype(np.float32)).shrunk(max(width, height) / LARGEST)

    def shrunk(self, factor: float) -> Self:
        """The garment this many times smaller, each pixel the mean of many; itself up to 1."""
        if factor <= 1:
            return self
        height, width = (max(1, round(side / factor)) for side in self.rgba.shape[:2])
        share = np.float32([width, height]) / np.float32(self.rgba.shape[1::-1])
        small = resized(self.rgba, (height, width), interpolation="smooth")
        return type(self)(small, self.scale * share, (self.start + 0.5) * share - 0.5)

    def places(self, grid: Floats) -> Floats:
        """Where a grid [2, h, w] samples it: x and y [2, h, w] in its pixels."""
        half = (np.float32(grid.shape[:0:-1]) - 1) / 2
        return (grid + 1) * _planes(half * self.scale) + _planes(self.start)


class Overlay:
    """A garment above a photo, where a network has put it."""

    def __init__(
        self, garment: OwnGarment, drawn: Drawn, size: tuple[int, int], frame: Frame
    ) -> None:
        """size: (height, width) of the photo; frame: what of it the network has drawn."""
        self.source, target = matched(frame, size, drawn.composition.shape)
        down, across = target.slices
        shows = drawn.shares[down, across, 0] > SOLID
        places = garment.places(drawn.grid)[:, down, across]
        closer = _pixels_per_pixel(places, shows) * target.height / self.source.height
        # A whole number, as nothing is left out up to two pixels apart.
        self.garment = garment.shrunk(math.floor(closer))
        places = self.garment.places(drawn.grid)[:, down, across]
        composition = drawn.composition[None, down, across].astype(np.float32)
        self.fields = np.concatenate([places, composition])  # [3, h, w]

    def over(self, below: Pixels, rows: slice, columns: slice) -> Pixels:
        """The garment above `below` [H, W, 3], these rows and columns of the photo."""
        box, (height, width) = self.source, self.fields.shape[1:]
        down, vertical = _between(rows, box.top, box.height, height)
        across, horizontal = _between(columns, box.left, box.width, width)
        fields = self.fields[:, down, across]
        if not fields[2].any():
            return below
        x, y, composition = vertical @ (fields @ horizontal.T)
        seen = cv2.convertScaleAbs(composition.clip(0, None))
        worn = cv2.remap(self.garment.rgba, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        worn = _dimmed(worn, seen)
        beside = _dimmed(below, cv2.bitwise_not(worn[..., 3]))
        return cv2.add(beside, cv2.cvtColor(worn, cv2.COLOR_BGRA2BGR))


def _dimmed(picture: Pixels, share: Pixels) -> Pixels:
    """share [H, W] / 255 of each shade of a picture [H, W, C], rounded."""
    return cv2.multiply(picture, cv2.merge([share] * picture.shape[2]), scale=1 / 255)


def _planes(xy: Floats) -> Floats:
    """A number for x and one for y, for all of [2, h, w]."""
    return xy.reshape(2, 1, 1)


def _pixels_per_pixel(places: Floats, where: NDArray[np.bool_]) -> float:
    """How many pixels of a garment places [2, h, w] are apart from one to the next; 1 of none."""
    if min(where.shape) < 2 or not where.any():
        return 1.0
    (x_down, x_across), (y_down, y_across) = (np.gradient(plane) for plane in places)
    area = np.abs(x_across * y_down - x_down * y_across)
    return float(np.sqrt(area[where].mean()))


def _between(pixels: slice, start: int, length: int, shown: int) -> tuple[slice, Floats]:
    """What of a picture's `shown` rows or columns makes these pixels of the photo, and how much.

    The picture shows `length` pixels of the photo from `start` on. Weights [pixels, picture's] of a
    linear interpolation, which goes on beyond the outermost two.
    """
    at = (np.arange(pixels.start, pixels.stop) + 0.5 - start) * (shown / length) - 0.5
    first = np.floor(at).clip(0, max(shown - 2, 0)).astype(int)
    used = slice(first[0], min(first[-1] + 2, shown))
    weights = np.zeros((len(at), used.stop - used.start), np.float32)
    line, share = np.arange(len(at)), at - first if shown > 1 else 0.0
    weights[line, first - used.start] = 1 - share
    if shown > 1:
        weights[line, first - used.start + 1] = share
    return used, weights
