"""Baselines that are only geometry."""

import pytest
import torch

from pfafn.evaluation.baselines import USUAL_BOX, bounding_box, paste_on_torso, torso_box
from pfafn.models.parts import Keypoint

H, W = SIZE = (24, 40)


def region(rows: slice = slice(None), columns: slice = slice(None)) -> torch.Tensor:
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[:, rows, columns] = True
    return mask


def points(**at: tuple[float, float]) -> torch.Tensor:
    found = torch.zeros(len(Keypoint), 3)
    for name, (x, y) in at.items():
        found[Keypoint[name]] = torch.tensor([x, y, 1.0])
    return found


TORSO = {
    "RIGHT_SHOULDER": (15, 6),
    "LEFT_SHOULDER": (25, 6),
    "RIGHT_HIP": (17, 16),
    "LEFT_HIP": (23, 16),
}


@pytest.mark.parametrize(
    ("changes", "box"),
    [
        ({}, (11.5, 4, 28.5, 17.5)),
        ({"RIGHT_HIP": (17, 14), "LEFT_HIP": (23, 18)}, (11.5, 4, 28.5, 17.5)),
        ({"LEFT_HIP": (0, 0)}, (11.5, 4, 28.5, 17.5)),  # the other one tells
        ({"LEFT_HIP": (0, 0), "RIGHT_HIP": (0, 0)}, (11.5, 3, 28.5, 23.25)),
        ({"LEFT_HIP": (23, 8), "RIGHT_HIP": (17, 8)}, (11.5, 5, 28.5, 8.75)),  # bent over
        ({"RIGHT_SHOULDER": (15, 9)}, (11.5, 4, 28.5, 17.5)),
        ({"RIGHT_SHOULDER": (24, 6)}, (23.65, 4, 25.35, 17.5)),
        ({"RIGHT_SHOULDER": (24.5, 6)}, (10, 4.8, 30, 15.6)),  # from the side
        ({"LEFT_SHOULDER": (0, 0)}, (10, 4.8, 30, 15.6)),
    ],
)
def test_the_torso_box_reaches_beyond_shoulders_and_hips(changes: dict, box: tuple) -> None:
    assert torso_box(points(**TORSO | changes), SIZE) == pytest.approx(box)


def test_a_mirrored_person_has_the_same_box():
    mirrored = {name: (40 - x, y) for name, (x, y) in TORSO.items()}
    assert torso_box(points(**mirrored), SIZE) == torso_box(points(**TORSO), SIZE)


def test_without_shoulders_the_box_is_the_usual_one():
    expected = tuple(f * side for f, side in zip(USUAL_BOX, (W, H, W, H), strict=True))
    assert torso_box(points(), SIZE) == expected


def test_the_bounding_box_of_a_mask_is_its_outermost_pixels():
    assert bounding_box(region(slice(3, 8), slice(10, 31)).float()) == (10, 3, 30, 7)
    assert bounding_box(region(slice(0, 0)).float()) == (0, 0, W - 1, H - 1)


def test_the_garments_corners_land_on_the_torso_boxs_corners():
    mask = region(slice(2, 22), slice(4, 37)).float()
    garment = torch.where(mask > 0, 0.5, 0.0).expand(3, H, W)
    person = torch.full((1, 3, H, W), -1.0)
    keypoints = points(**TORSO)
    made = paste_on_torso(person, garment[None], mask[None], keypoints[None])
    left, top, right, bottom = torso_box(keypoints, SIZE)
    ys, xs = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    inside = (xs > left) & (xs < right) & (ys > top) & (ys < bottom)
    outside = (xs < left - 2) | (xs > right + 2) | (ys < top - 2) | (ys > bottom + 2)
    torch.testing.assert_close(made.mask[0, 0][inside], torch.ones(int(inside.sum())))
    assert made.mask[0, 0][outside].max() == 0
    torch.testing.assert_close(made.image[0, :, inside], torch.full((3, int(inside.sum())), 0.5))
    assert (made.image[0][:, outside] == -1).all()


def test_beside_the_box_is_the_person_also_if_the_garment_fills_its_picture():
    person, garment = torch.full((1, 3, H, W), -0.5), torch.ones(1, 3, H, W)
    made = paste_on_torso(person, garment, torch.ones(1, 1, H, W), points(**TORSO)[None])
    assert (made.image[..., :3, :] == -0.5).all() and (made.image[..., :10] == -0.5).all()
    torch.testing.assert_close(made.image[..., 8:14, 14:26], torch.ones(1, 3, 6, 12))
