"""Training-time augmentation of one sample, built on albumentations.

Stateless: what happens to a sample depends on the generator it is given and nothing else.
"""

import os
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.models.parts import BodyPart, Keypoint, Parsing
from pfafn.photos.fitting import missing
from pfafn.photos.images import WHITE

if TYPE_CHECKING:
    import albumentations

Arrays = dict[str, NDArray[Any]]

# What each name is: a picture or a map, and whether it lies in the person's frame.
PERSON_IMAGES = ("person", "fake")
PERSON_MASKS = ("fake_mask", "parsing", "body_parts")
GARMENT_IMAGES = ("garment",)
POINTS = "keypoints"


def _exchange(ids: type[IntEnum], size: int) -> NDArray[np.int64]:
    """The table 0..size-1 with the ids of right and left exchanged."""
    table = np.arange(size)
    for right in ids:
        if "RIGHT" in right.name:
            left = ids[right.name.replace("RIGHT", "LEFT")]
            table[[right, left]] = left, right
    return table


MIRRORED_IDS = {
    "parsing": _exchange(Parsing, 256).astype(np.uint8),
    "body_parts": _exchange(BodyPart, 256).astype(np.uint8),
}
MIRRORED_POINTS = _exchange(Keypoint, len(Keypoint))


class Augment:
    """Mirror, move, scale and recolour a sample.

    flip: probability; shift: fraction of the image size, each way; scale: 1 - scale .. 1 + scale;
    colour: brightness, contrast and saturation factor 1 - colour .. 1 + colour.

    A mirrored sample swaps left and right in parsing, body parts and keypoints, and mirrors the
    garments too. Shift and scale move everything in the person's frame together and leave the
    garments. Colour changes all pictures alike.
    """

    def __init__(
        self, *, flip: float = 0.0, shift: float = 0.0, scale: float = 0.0, colour: float = 0.0
    ) -> None:
        self.flip = flip
        self._move = _moving(shift, scale) if shift or scale else None
        self._jitter = _colouring(colour) if colour else None

    def __call__(self, sample: Arrays, rng: np.random.Generator) -> Arrays:
        """Return the changed sample; rng alone decides what happens.

        Arrays, the person and any of: fake, garment uint8 [H, W, 3]; masks, parsing, body_parts
        uint8 [H, W]; keypoints float32 [18, 3] in pixels.
        """
        mirrored = rng.random() < self.flip
        seeds = [int(seed) for seed in rng.integers(2**31, size=2)]
        if mirrored:
            sample = swap_sides(mirror(sample))
        if self._move is not None:
            sample = _apply(self._move, sample, seeds[0])
        if self._jitter is not None:
            sample = _apply(self._jitter, sample, seeds[1])
        return sample


def _moving(shift: float, scale: float) -> "albumentations.Compose":
    """Shift and scale of all that lies in the person's frame."""
    A = _albumentations()
    offset = (-shift, shift)
    move = A.Affine(
        scale=(1 - scale, 1 + scale),
        translate_percent={"x": offset, "y": offset},
        keep_ratio=True,
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        fill=WHITE,
        p=1,
    )
    targets = dict.fromkeys(PERSON_IMAGES, "image") | dict.fromkeys(PERSON_MASKS, "mask")
    points = A.KeypointParams(format="xy", remove_invisible=False)
    return A.Compose(
        [move], additional_targets=targets, keypoint_params=points, is_check_shapes=False
    )


def _colouring(colour: float) -> "albumentations.Compose":
    """Brightness, contrast and saturation of all pictures."""
    A = _albumentations()
    factor = (max(0.0, 1 - colour), 1 + colour)
    jitter = A.ColorJitter(
        brightness=factor, contrast=factor, saturation=factor, hue=(0.0, 0.0), p=1
    )
    targets = dict.fromkeys(PERSON_IMAGES + GARMENT_IMAGES, "image")
    return A.Compose([jitter], additional_targets=targets, is_check_shapes=False)


def _albumentations() -> Any:
    """The library. It is slow to import, and asks the network for news unless told not to."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def _apply(compose: "albumentations.Compose", sample: Arrays, seed: int) -> Arrays:
    """Run a pipeline on those arrays of the sample that it has targets for."""
    compose.set_random_seed(seed)
    targets = compose.additional_targets
    chosen = {name: array for name, array in sample.items() if name in targets}
    # albumentations insists on a target called "image"; the person (always there) is it.
    chosen["image"] = chosen.pop("person")
    geometric = "keypoints" in compose.processors
    if geometric:
        chosen["keypoints"] = sample.get(POINTS, np.zeros((0, 3), np.float32))[:, :2]
    result = compose(**chosen)
    changed = {name: result[name] for name in sample if name in chosen and name != POINTS}
    changed["person"] = result["image"]
    if geometric and POINTS in sample:
        height, width = sample["person"].shape[:2]
        changed[POINTS] = _points(result["keypoints"], sample[POINTS], height, width)
    return sample | changed


def _points(
    moved: NDArray[np.floating[Any]], before: NDArray[np.float32], height: int, width: int
) -> NDArray[np.float32]:
    """Keypoints after a transform; those missing before or outside the picture now are missing."""
    x, y = moved[:, 0], moved[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    after = np.column_stack([x, y, before[:, 2]]).astype(np.float32)
    after[~inside | missing(before)] = 0
    return after


def mirror(sample: Arrays) -> Arrays:
    """Exchange the left and right of every picture and map, and move the keypoints along."""
    mirrored = {name: cv2.flip(a, 1) for name, a in sample.items() if name != POINTS}
    if POINTS in sample:
        points = sample[POINTS]
        height, width = sample["person"].shape[:2]
        moved = np.column_stack([width - 1 - points[:, 0], points[:, 1]])
        mirrored[POINTS] = _points(moved, points, height, width)
    return mirrored


def swap_sides(sample: Arrays) -> Arrays:
    """Exchange left and right in the ids of parsing and body parts and the rows of keypoints."""
    swapped = dict(sample)
    for name, table in MIRRORED_IDS.items():
        if name in sample:
            swapped[name] = cv2.LUT(sample[name], table)
    if POINTS in sample:
        swapped[POINTS] = sample[POINTS][MIRRORED_POINTS]
    return swapped
