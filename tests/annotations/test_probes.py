"""Keypoints laid on a parsing map."""

import numpy as np
import photoset
import pytest

from pfafn.annotations.probes import Ground, mean, median
from pfafn.models.parts import Category, Keypoint, Parsing

H, W = 100, 60  # a reach of 2 pixels


def alone(x: float, y: float, point: Keypoint = Keypoint.NOSE) -> np.ndarray:
    """One reading in which only this point is known."""
    points = np.full((1, len(Keypoint), 2), np.nan)
    points[0, point] = x, y
    return points


def ground(left: int, right: int, part: Parsing = Parsing.FACE) -> Ground:
    """A part from one column to another, as high as the picture."""
    parsing = np.zeros((H, W), np.uint8)
    parsing[:, left:right] = part
    return Ground(parsing, Category.UPPER)


@pytest.mark.parametrize(("x", "hit"), [(17.4, 0), (17.6, 1), (31.4, 1), (31.6, 0)])
def test_a_point_may_lie_a_fiftieth_of_the_height_beside_its_part(x: float, hit: int) -> None:
    assert ground(20, 30).fits(alone(x, 50)).tolist() == [hit]


@pytest.mark.parametrize("place", [(-1, 50), (W, 50), (30, -1), (30, H), (1e9, 50), (30, -1e9)])
def test_outside_the_picture_is_on_nothing(place: tuple[float, float]) -> None:
    assert ground(0, W).fits(alone(*place)).tolist() == [0]


def test_what_is_not_known_does_not_count() -> None:
    nobody = np.full((1, len(Keypoint), 2), np.nan)
    assert np.isnan(ground(0, W).fits(nobody)).all()
    assert np.isnan(ground(0, W).heads(nobody)).all()
    # Nose and eyes are looked at together only if all three are known.
    eye = alone(30, 50)
    eye[0, Keypoint.LEFT_EYE] = 30, 50
    assert ground(0, W, Parsing.HAIR).fits(eye).tolist() == [1]


def test_heads_are_told_right_and_down_in_shares_of_width_and_height() -> None:
    middle = 24.5, (H - 1) / 2
    found = ground(20, 30).heads(alone(middle[0] + 6, middle[1] - 10))
    np.testing.assert_allclose(found, [[0.1, -0.1]])


def test_a_nose_without_a_face_is_a_whole_picture_away_but_an_ear_is_not() -> None:
    hair = ground(0, W, Parsing.HAIR)
    assert hair.heads(alone(30, 50)).tolist() == [[1, 1]]
    assert np.isnan(hair.heads(alone(30, 50, Keypoint.LEFT_EAR))).all()


def test_each_reading_is_laid_by_itself() -> None:
    points = photoset.keypoints((H, W))[None, :, :2].astype(float)
    both = np.concatenate([points, points + [W, 0]])
    fits = Ground(photoset.parsing((H, W)), Category.UPPER).fits(both)
    assert fits.tolist() == [1, 0]


def test_means_and_medians_leave_out_what_is_not_known() -> None:
    np.testing.assert_array_equal(mean(np.array([[1, np.nan, 3], [np.nan] * 3])), [2, np.nan])
    assert median([1, float("nan"), 3]) == 2
    assert np.isnan(median([float("nan")]))
