"""Left and right, written out: what a mirrored person's annotation means."""

import numpy as np
import pytest

from pfafn.samples.augment import swap_sides

# Nose, neck, the right arm and the left, the right leg and the left, eyes, ears.
MIRRORED_POINTS = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]
# Shoes, legs, arms; hair, clothes and face have no side.
MIRRORED_PARSING = [0, 1, 2, 3, 4, 6, 5, 7, 8, 10, 9, 13, 12, 11]
# Torso back and front have no side; hands, feet, thighs, calves, upper arms, forearms, head do.
MIRRORED_BODY = [
    0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23,
]  # fmt: skip


def test_every_keypoint_becomes_that_of_the_other_side() -> None:
    points = np.arange(1, 19, dtype=np.float32)[:, None].repeat(3, axis=1)
    swapped = swap_sides({"keypoints": points})["keypoints"]
    assert swapped[:, 0].tolist() == [1 + point for point in MIRRORED_POINTS]


@pytest.mark.parametrize(
    ("name", "mirrored"), [("parsing", MIRRORED_PARSING), ("body_parts", MIRRORED_BODY)]
)
def test_every_id_becomes_that_of_the_other_side(name: str, mirrored: list[int]) -> None:
    ids = np.arange(len(mirrored), dtype=np.uint8)[None]
    assert swap_sides({name: ids})[name][0].tolist() == mirrored
