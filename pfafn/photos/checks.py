"""Checks of photos and of the arrays that a caller gives: say which, expected and found."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pfafn.kit.errors import UserError
from pfafn.models.parts import Keypoint

MIN_SIDE = 32  # pixels: less is a single one at the networks' coarsest level, 1/32 of their size
MAX_ASPECT = 4  # letterboxed among pictures of 4:3, what is longer fills less than a third of one


class PictureError(UserError, ValueError):
    """A picture, mask or annotation cannot be used; the message says which, expected and found."""


def check_picture(name: str, picture: Any) -> None:
    """PictureError unless it is a non-empty uint8 RGB array [H, W, 3]."""
    fits = isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[2] == 3
    if not fits or picture.dtype != np.uint8 or not picture.size:
        raise PictureError(f"{name} must be a uint8 RGB array (H, W, 3), got {describe(picture)}")


def check_size(name: str, height: int, width: int) -> None:
    """PictureError if a picture of this size can show no person and no garment."""
    if not is_photo_size(height, width):
        raise PictureError(
            f"{name}: {width}x{height} pixels are no photo's size; take one of at least "
            f"{MIN_SIDE} on each side, neither more than {MAX_ASPECT} times the other"
        )


def is_photo_size(height: int, width: int) -> bool:
    """Whether a picture of this size can show a person or a garment."""
    short, long = sorted((height, width))
    return short >= MIN_SIDE and long <= MAX_ASPECT * short


def check_mask(
    name: str, mask: Any, size: tuple[int, int], like: str = "the garment's picture"
) -> None:
    """PictureError unless it is a uint8 array [H, W] of the size of what it is `like`."""
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8 or mask.shape != size:
        raise PictureError(f"{name} must be a uint8 array {size} like {like}, got {describe(mask)}")


def check_ids(name: str, ids: Any, size: tuple[int, int], classes: int) -> None:
    """PictureError unless it is a uint8 array of ids [H, W] like the person's picture."""
    check_mask(name, ids, size, like="the person")
    if ids.max() >= classes:
        raise PictureError(f"{name} must hold ids 0..{classes - 1}, found {ids.max()}")


def check_keypoints(points: Any) -> NDArray[np.float32]:
    """float32 [18, 3]; PictureError if they are not 18 finite points."""
    points = np.asarray(points)
    if points.shape != (len(Keypoint), 3) or points.dtype.kind not in "fiu":
        raise PictureError(
            f"keypoints must be {len(Keypoint)} rows of x, y, score, got {describe(points)}"
        )
    if not np.isfinite(points).all():
        raise PictureError("keypoints must be finite numbers")
    return points.astype(np.float32)


def describe(value: Any) -> str:
    """dtype and shape of an array, the type of anything else."""
    array = isinstance(value, np.ndarray)
    return f"{value.dtype} {value.shape}" if array else type(value).__name__
