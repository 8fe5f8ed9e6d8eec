"""Poses and masks lie where the person is, whatever the photo's size; the networks are toys."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pfafn.estimators.people import COCO, SHOULDERS, People, people
from pfafn.models.parts import Keypoint

DOT = np.array([9, 250, 9], np.uint8)


def pose_of_a_dot(picture: Tensor) -> list[Tensor]:
    """All points on the green dot; its score is the dot's share of the square, times 200."""
    green = picture[0, :, :, 1].float() * (picture[0, :, :, 0] < 100)
    y, x = np.unravel_index(int(green.argmax()), green.shape)
    score = min(1.0, float((green > 200).float().mean()) * 200)
    return [torch.tensor([(y + 0.5) / 192, (x + 0.5) / 192, score]).expand(1, 1, 17, 3)]


def mask_of_green(picture: Tensor) -> list[Tensor]:
    return [(picture[..., 1:2] > picture[..., :1]).float()]


def photo(size: tuple[int, int], y: int, x: int, dot: int) -> np.ndarray:
    """Gray, with a square green dot whose top left is at (x, y)."""
    rgb = np.full((*size, 3), 128, np.uint8)
    rgb[y : y + dot, x : x + dot] = DOT
    return rgb


SEES = People(pose_of_a_dot, mask_of_green)


@pytest.mark.parametrize("size", [(96, 60), (300, 400), (700, 500)])
def test_points_count_in_pixels_of_the_photo(size: tuple[int, int]) -> None:
    dot = size[0] // 6
    points = SEES.pose(photo(size, y=size[0] // 2, x=size[1] // 4, dot=dot))
    np.testing.assert_allclose(points[:, 0], size[1] // 4, atol=size[1] / 60)
    np.testing.assert_allclose(points[:, 1], size[0] // 2, atol=size[0] / 60)


def test_the_neck_is_between_the_shoulders_and_as_sure_as_the_less_sure_one() -> None:
    at = {Keypoint.LEFT_SHOULDER: [0.5, 0.25, 0.9], Keypoint.RIGHT_SHOULDER: [0.5, 0.75, 0.6]}
    rows = torch.tensor([at.get(point, [0.5, 0.5, 1.0]) for point in COCO])
    points = People(lambda _: [rows[None, None]], mask_of_green).pose(photo((96, 96), 0, 0, 1))
    np.testing.assert_allclose(points[Keypoint.NECK, :2], points[SHOULDERS, :2].mean(axis=0))
    assert points[Keypoint.NECK, 2] == pytest.approx(0.6)


def test_what_is_doubtful_or_outside_the_photo_is_missing() -> None:
    rows = torch.tensor([[0.5, 0.5, 0.3], [0.5, 0.01, 0.9]] + [[0.5, 0.5, 0.9]] * 15)
    points = People(lambda _: [rows[None, None]], mask_of_green).pose(photo((96, 48), 0, 0, 1))
    assert not points[[Keypoint.NOSE, Keypoint.LEFT_EYE]].any()
    assert points[Keypoint.RIGHT_EYE].all()


def test_a_small_person_is_looked_at_again_from_nearer() -> None:
    looked = []

    def pose(picture: Tensor) -> list[Tensor]:
        looked.append(picture)
        box = (picture[0, :, :, 1] > 200).nonzero() / 192
        ends = torch.stack([box.amin(0), box.amax(0)])
        rows = torch.cat(
            [ends[torch.arange(17) % 2], torch.full((17, 1), 0.5 + len(looked) / 5)], 1
        )
        return [rows[None, None]]

    points = People(pose, mask_of_green).pose(photo((600, 900), y=450, x=50, dot=100))
    assert len(looked) == 2
    found = points[[Keypoint.NOSE, Keypoint.LEFT_EYE]]
    np.testing.assert_allclose(found, [[50, 450, 0.9], [150, 550, 0.9]], atol=2)


def test_a_mask_has_the_photos_size_and_lies_on_the_person() -> None:
    rgb = photo((120, 300), y=30, x=200, dot=60)
    mask = SEES.mask(rgb)
    assert (mask.shape, mask.dtype) == ((120, 300), np.float32)
    np.testing.assert_allclose(mask > 0.5, (rgb == DOT).all(axis=2), atol=1)
    assert ((mask > 0.5) == (rgb == DOT).all(axis=2)).mean() > 0.99


def test_without_the_files_there_is_nobody_to_ask(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_ESTIMATORS", str(tmp_path))
    assert people() is None
