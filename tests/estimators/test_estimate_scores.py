"""How good estimates are, against counts done by hand."""

import numpy as np
import photoset
import pytest

from pfafn.estimators.scores import Scores, torso
from pfafn.models.parts import Keypoint, Parsing

SIZE = (128, 96)
IDS, POINTS = photoset.parsing(SIZE), photoset.keypoints(SIZE)
TORSO = np.hypot(0, (0.56 - 0.22) * 128)  # from the neck to the hips' middle, straight down


def scored(
    ids: np.ndarray = IDS, points: np.ndarray = POINTS, truth: np.ndarray = POINTS
) -> Scores:
    scores = Scores()
    scores.add((IDS, truth), (ids, points))
    return scores


def test_the_truth_is_right() -> None:
    told = scored().summary()
    assert told["pck"] == told["iou.face"] == told["iou.background"] == 1
    assert "invented" not in told  # nothing is missing that could be
    assert "iou.dress" not in told  # nobody has one


def test_half_of_the_garment_is_half_of_its_union() -> None:
    ids = IDS.copy()
    rows = np.flatnonzero((ids == Parsing.UPPER_CLOTHES).any(axis=1))
    upper = ids[rows[: len(rows) // 2]]
    upper[upper == Parsing.UPPER_CLOTHES] = Parsing.DRESS
    ids[rows[: len(rows) // 2]] = upper
    found = scored(ids)
    assert found.iou(Parsing.UPPER_CLOTHES) == pytest.approx(0.5, abs=0.02)
    assert found.iou(Parsing.UPPER_CLOTHES, Parsing.DRESS) == 1
    assert found.iou(Parsing.DRESS) == 0


@pytest.mark.parametrize("share, found", [(0.09, 1.0), (0.11, 17 / 18)])
def test_a_point_is_found_within_a_tenth_of_the_torso(share: float, found: float) -> None:
    points = POINTS.copy()
    points[Keypoint.LEFT_KNEE, 0] += share * TORSO
    assert scored(points=points).pck() == pytest.approx(found)


def test_a_point_that_is_not_given_is_not_found_and_one_that_is_not_there_is_invented() -> None:
    points, truth = POINTS.copy(), POINTS.copy()
    truth[Keypoint.NOSE, :2] = 2  # near where a missing point would be
    points[Keypoint.NOSE] = truth[Keypoint.LEFT_EAR] = 0
    found = scored(points=points, truth=truth)
    assert found.pck([Keypoint.NOSE]) == 0
    assert found.summary()["invented"] == 1
    assert found.pck() == pytest.approx(16 / 17)


def test_a_torso_without_hips_is_told_by_the_shoulders() -> None:
    points = POINTS.copy()
    points[[Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP]] = 0
    assert torso(POINTS) == pytest.approx(TORSO)
    assert torso(points) == pytest.approx(1.45 * (0.66 - 0.34) * 96)
    assert np.isnan(torso(np.zeros((18, 3), np.float32)))
