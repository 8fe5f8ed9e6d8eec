"""Bring pictures, masks and points to another size: letterboxed, never distorted."""

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.photos.images import Pixels

Interpolation = Literal["smooth", "nearest"]

PNG_SHARE = 0.5  # size of a photo as PNG, of its pixels' bytes, about


class Placement(NamedTuple):
    """Where fit() puts a picture: scaled by (scale_y, scale_x), then shifted by (top, left)."""

    height: int
    width: int
    top: int
    left: int
    scale_y: float
    scale_x: float


def placement(source: tuple[int, int], target: tuple[int, int]) -> Placement:
    """Centre a source (height, width) in a target (height, width) keeping its aspect.

    A picture whose fitted size is within one pixel of the target fills it exactly.
    """
    (h, w), (height, width) = source, target
    scale = min(height / h, width / w)
    fit_h, fit_w = (max(1, round(h * scale)), max(1, round(w * scale)))
    fit_h = height if height - fit_h <= 1 else fit_h
    fit_w = width if width - fit_w <= 1 else fit_w
    top, left = (height - fit_h) // 2, (width - fit_w) // 2
    return Placement(fit_h, fit_w, top, left, fit_h / h, fit_w / w)


def fit(image: Pixels, size: tuple[int, int], *, interpolation: Interpolation, fill: int) -> Pixels:
    """Letterbox a picture [H, W] or [H, W, 3] into size = (height, width), keeping its aspect.

    An equal aspect is an exact resize, an equal size the picture itself. "smooth" averages when
    shrinking and interpolates linearly when enlarging; "nearest" keeps values (ids, hard masks).
    """
    if image.shape[:2] == size:
        return image
    place = placement(image.shape[:2], size)
    small = resized(image, (place.height, place.width), interpolation=interpolation)
    if small.shape[:2] == size:
        return small
    canvas = np.full((*size, *image.shape[2:]), fill, np.uint8)
    canvas[place.top : place.top + place.height, place.left : place.left + place.width] = small
    return canvas


def restore(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Undo fit(): the picture of `size` (height, width) that lies letterboxed in image."""
    place = placement(size, image.shape[:2])
    inner = image[place.top : place.top + place.height, place.left : place.left + place.width]
    if inner.shape[:2] == size:
        return np.ascontiguousarray(inner)
    method = cv2.INTER_AREA if place.scale_y > 1 else cv2.INTER_CUBIC
    return cv2.resize(inner, size[::-1], interpolation=method)


def resized(image: Pixels, size: tuple[int, int], *, interpolation: Interpolation) -> Pixels:
    """A picture brought to exactly this (height, width); interpolation as of fit()."""
    if interpolation == "nearest":
        method = cv2.INTER_NEAREST_EXACT
    else:
        method = cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(image, size[::-1], interpolation=method)


def shrunk(picture: Pixels, side: int) -> Pixels:
    """A picture whose longer side is at most so many pixels; itself if it is."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(8, round(width * scale)), max(8, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def fit_points(
    points: NDArray[np.float32], source: tuple[int, int], target: tuple[int, int]
) -> NDArray[np.float32]:
    """Move keypoints [N, 3] (x, y, score; pixels of source) as fit() moves the picture.

    Missing points (0, 0, 0) stay missing.
    """
    place = placement(source, target)
    moved = points.copy()
    moved[:, 0] = (points[:, 0] + 0.5) * place.scale_x - 0.5 + place.left
    moved[:, 1] = (points[:, 1] + 0.5) * place.scale_y - 0.5 + place.top
    moved[missing(points)] = 0
    return moved


def unfit_points(
    points: NDArray[np.float32], source: tuple[int, int], target: tuple[int, int]
) -> NDArray[np.float32]:
    """Move keypoints [N, 3] of a fitted picture back to where they are in the source."""
    place = placement(source, target)
    moved = points.copy()
    moved[:, 0] = (points[:, 0] - place.left + 0.5) / place.scale_x - 0.5
    moved[:, 1] = (points[:, 1] - place.top + 0.5) / place.scale_y - 0.5
    moved[missing(points)] = 0
    return moved


def missing(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of the keypoints [N, 3] are missing: both coordinates zero."""
    return (points[:, :2] == 0).all(axis=1)
