"""What other people's models see in a photo: one person's keypoints, and what is person."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pfafn.estimators import files
from pfafn.estimators.graph_model import GraphModel
from pfafn.models.parts import Keypoint
from pfafn.photos.fitting import fit, unfit_points

Points = NDArray[np.float32]
Rgb = NDArray[np.uint8]
Network = Callable[[Tensor], list[Tensor]]
Box = tuple[int, int, int, int]  # top, left, bottom, right

POSE_SIDE, MASK_SIDE = 192, 256  # pixels of the squares that the networks look at
# At this score 99 % of the points that VITON's annotations have are kept, and 11 % of those that
# they do not have are given: docs/estimate.md.
LEAST_SCORE = 0.4
SMALL = 0.6  # share of the picture's longer side: a person below it is looked at again, nearer
LEAST_SIDE = 16  # pixels in which somebody could be seen
AROUND = 0.3  # of a person's longer side is left free around the points

# COCO's 17 points in the order in which the network gives them. OpenPose's neck is none of them.
K = Keypoint
COCO = (
    K.NOSE, K.LEFT_EYE, K.RIGHT_EYE, K.LEFT_EAR, K.RIGHT_EAR, K.LEFT_SHOULDER, K.RIGHT_SHOULDER,
    K.LEFT_ELBOW, K.RIGHT_ELBOW, K.LEFT_WRIST, K.RIGHT_WRIST, K.LEFT_HIP, K.RIGHT_HIP,
    K.LEFT_KNEE, K.RIGHT_KNEE, K.LEFT_ANKLE, K.RIGHT_ANKLE,
)  # fmt: skip
SHOULDERS = [K.RIGHT_SHOULDER, K.LEFT_SHOULDER]


class People:
    """Estimates made by models in files; nothing is fetched.

    pose: int32 [1, 192, 192, 3] in 0..255 -> [1, 1, 17, 3] of y, x (in 0..1), score. mask: float32
    [1, 256, 256, 3] in 0..1 -> [1, 256, 256, 1] in 0..1.
    """

    def __init__(self, pose: Network, mask: Network) -> None:
        self._pose, self._mask = pose, mask

    @classmethod
    def load(cls, folder: Path) -> "People":
        """Raises EstimatorError for a file that is missing or is not the known one."""
        return cls(*(GraphModel(*files.sound(folder, model)) for model in files.MODELS))

    def pose(self, rgb: Rgb) -> Points:
        """Keypoints float32 [18, 3] of the person in a photo uint8 [H, W, 3].

        `Keypoint` order; x, y in pixels, score 0..1. What is not seen is 0, 0, 0. Of several
        people it is the one that the network finds, mostly the largest near the middle.
        """
        height, width = rgb.shape[:2]
        points = self._points(rgb, (0, 0, height, width))
        near = _around(points, height, width)
        if near is not None:
            closer = self._points(rgb, near)
            points = closer if _seen(closer) >= _seen(points) else points
        return points

    def mask(self, rgb: Rgb) -> NDArray[np.float32]:
        """How much each pixel of a photo uint8 [H, W, 3] is person: float32 [H, W] in 0..1."""
        square = cv2.resize(rgb, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA)
        (found,) = self._mask(torch.from_numpy(square.astype(np.float32) / 255)[None])
        mask = found[0, :, :, 0].numpy()
        size = rgb.shape[1], rgb.shape[0]
        return cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR).clip(0, 1)

    def _points(self, rgb: Rgb, box: Box) -> Points:
        """The points of a part of the photo, in pixels of the photo."""
        top, left, bottom, right = box
        part = rgb[top:bottom, left:right]
        square = (POSE_SIDE, POSE_SIDE)
        small = fit(part, square, interpolation="smooth", fill=0)
        (found,) = self._pose(torch.from_numpy(small.astype(np.int32))[None])
        y, x, score = found.reshape(-1, 3).numpy().T
        seen = np.column_stack([x * POSE_SIDE - 0.5, y * POSE_SIDE - 0.5, score])
        points = np.zeros((len(Keypoint), 3), np.float32)
        points[list(COCO)] = unfit_points(seen, part.shape[:2], square) + (left, top, 0)
        points[K.NECK] = points[SHOULDERS].mean(axis=0)
        points[K.NECK, 2] = points[SHOULDERS, 2].min()
        inside = (points[:, :2] >= 0).all(axis=1) & (points[:, :2] < rgb.shape[1::-1]).all(axis=1)
        points[(points[:, 2] < LEAST_SCORE) | ~inside] = 0
        return points


def people() -> People | None:
    """The models whose files `pfafn estimators fetch` has put there; None if they are not there.

    Raises EstimatorError for a file that is not the known one.
    """
    place = files.folder()
    return People.load(place) if files.are_here(place) else None


def _seen(points: Points) -> float:
    return float(points[:, 2].sum())


def _around(points: Points, height: int, width: int) -> Box | None:
    """Where a person who is small in the picture stands; None if the picture shows little else."""
    seen = points[points[:, 2] > 0, :2]
    if not len(seen):
        return None
    low, high = seen.min(axis=0), seen.max(axis=0)
    side = float((high - low).max()) * (1 + 2 * AROUND)
    if not LEAST_SIDE < side < SMALL * max(height, width):
        return None
    middle = (low + high) / 2
    left, top = (int(max(0, m - side / 2)) for m in middle)
    right, bottom = (int(np.ceil(m + side / 2)) for m in middle)
    return top, left, min(bottom, height), min(right, width)
