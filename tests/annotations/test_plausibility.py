"""Annotations that cannot be true: what is found of one sample, and what it looks like."""

import numpy as np
import photoset
import pytest

from pfafn.annotations.agreement import OTHER_SIDE, Agreement, agreement
from pfafn.annotations.parsing import SCHEMES
from pfafn.annotations.plausibility import doubts, hint
from pfafn.models.parts import Category, Keypoint, Parsing

H, W = SIZE = (256, 192)
ASIDE = W // 8  # the person stands here left of the middle, so that a mirror image shows


def aside(picture: np.ndarray) -> np.ndarray:
    return np.roll(picture, -ASIDE, axis=1)


MAP, PHOTO = aside(photoset.parsing(SIZE)), aside(photoset.person(3, SIZE))
POINTS = photoset.keypoints(SIZE) - np.array([ASIDE, 0, 0], np.float32)


def measured(
    parsing: np.ndarray = MAP,
    points: np.ndarray | None = POINTS,
    scheme: str = "viton",
    category: Category = Category.UPPER,
    frame: tuple[int, int] = SIZE,
) -> Agreement:
    return agreement(parsing, SCHEMES[scheme], points, frame, PHOTO, category)


def moved(factor: object = 1.0, shift: object = 0.0) -> np.ndarray:
    points = POINTS.copy()
    points[:, :2] = points[:, :2] * factor + shift
    return points


def written(scheme: str) -> np.ndarray:
    """The parsing map in the ids of a scheme."""
    ids = {target: source for source, target in SCHEMES[scheme].items()}
    ids |= {Parsing[s.name]: s for s in SCHEMES[scheme] if s.name in Parsing.__members__}
    return photoset.recoded(MAP, ids)


def roles(found: Agreement, category: Category = Category.UPPER) -> list[str]:
    return [doubt.role for doubt in doubts(found, category) if doubt.rejects]


def test_a_person_whose_annotations_agree_is_not_doubted() -> None:
    found = measured()
    assert (found.fit, found.other, found.better) == (1.0, 0, None)
    assert max(abs(found.x), abs(found.y)) < 0.02
    assert found.clothes == (MAP == Parsing.UPPER_CLOTHES).sum() / (MAP > 0).sum()
    assert not list(doubts(found, Category.UPPER))


@pytest.mark.parametrize(
    ("points", "kind", "number"),
    [
        (moved([1 / W, 1 / H]), "unit", 0),
        (moved([2 / W, 2 / H], -1), "signed", 0),
        (moved(0.3), "scale", 0.3),
        (moved(0.5), "scale", 0.5),
        (moved(2), "scale", 2),
        (moved(3), "scale", 3),
        (moved(1, [W / 4, 0]), "shift", 0.25),
        (moved(1, [-W / 4, 0]), "shift", -0.25),
        (moved(1, [0, H / 4]), "shift", 0),
        (moved(1, [0, -H / 4]), "shift", 0),
        (POINTS[:, [1, 0, 2]], "axes", 0),
    ],
)
def test_keypoints_that_lie_elsewhere_are_found_with_what_they_look_like(
    points: np.ndarray, kind: str, number: float
) -> None:
    found = measured(points=points)
    assert roles(found) == ["keypoints"]
    assert found.better is not None
    assert found.better.kind == kind
    assert found.better.x == pytest.approx(number, rel=0.05, abs=0.02)


def test_points_that_fit_nowhere_look_like_nothing() -> None:
    found = measured(points=np.roll(POINTS, 9, axis=0))
    assert roles(found) == ["keypoints"]
    assert found.better is None
    assert hint(found.better) == ""


def test_a_shift_downwards_is_told_in_shares_of_the_height() -> None:
    found = measured(points=moved(1, [0, H / 4]))
    assert found.better is not None
    assert found.better.y == pytest.approx(0.25, abs=0.02)
    assert "of the height" in hint(found.better)


def test_points_in_the_frame_of_a_larger_picture_are_as_they_should_be_in_it() -> None:
    assert measured(points=moved(2), frame=(2 * H, 2 * W)).fit == 1
    assert measured(points=moved(2), frame=(2 * H, 2 * W)).better is None


@pytest.mark.parametrize("read", SCHEMES)
@pytest.mark.parametrize("by", SCHEMES)
def test_a_map_of_another_scheme_is_found_and_the_scheme_named(by: str, read: str) -> None:
    found = measured(written(by), scheme=read)
    if by == read or {by, read} == {"lip", "viton-hd"}:  # which have the same ids
        assert not roles(found)
    else:
        assert roles(found) == ["parsing"]
        assert found.better is not None
        assert SCHEMES[found.better.kind].keys() == SCHEMES[by].keys()
        assert "set prepare.parsing to" in hint(found.better)


def test_a_scheme_without_a_face_is_found_though_it_is_none_that_is_known() -> None:
    heads = photoset.recoded(MAP, {Parsing.FACE: 1, Parsing.HAIR: 1, Parsing.UPPER_CLOTHES: 4})
    found = measured(heads)
    assert (found.x, found.y, found.better) == (1, 1, None)
    assert roles(found) == ["keypoints"]


def test_a_mirrored_map_is_told_by_the_photos_edges_with_and_without_keypoints() -> None:
    mirrored = np.ascontiguousarray(MAP[:, ::-1])
    assert roles(measured(mirrored)) == ["parsing"]
    assert roles(measured(mirrored, points=None)) == ["parsing"]
    assert measured(mirrored).edges == pytest.approx(1 / measured().edges, rel=0.02)


def test_mirrored_keypoints_would_agree_better_if_they_were_mirrored() -> None:
    mirrored = (POINTS * [-1, 1, 1] + [W - 1, 0, 0])[OTHER_SIDE]
    assert measured().mirror < 0 < measured(points=mirrored).mirror
    assert roles(measured(points=mirrored)) == ["keypoints"]


def test_exchanged_arms_are_noted_and_reject_nothing() -> None:
    found = measured(points=POINTS[OTHER_SIDE])
    assert (found.own, found.other) == (0, 4)
    (noted,) = doubts(found, Category.UPPER)
    assert (noted.role, noted.rejects) == ("parsing", False)


@pytest.mark.parametrize("category", [Category.UPPER, Category.LOWER])
def test_the_clothes_to_be_replaced_must_be_worn(category: Category) -> None:
    worn = Parsing.UPPER_CLOTHES if category is Category.UPPER else Parsing.LOWER_CLOTHES
    undressed = np.where(worn == MAP, Parsing.SOCKS, MAP).astype(np.uint8)
    assert measured(undressed, category=category).clothes == 0
    assert "parsing" in roles(measured(undressed, category=category), category)
    assert not roles(measured(category=category), category)


def test_missing_points_and_points_a_little_beside_are_no_reason() -> None:
    points = moved(1, [2, 2])
    points[[Keypoint.LEFT_EAR, Keypoint.RIGHT_KNEE]] = 0
    points[[Keypoint.LEFT_ANKLE, Keypoint.RIGHT_ANKLE, Keypoint.LEFT_WRIST], :2] = -1
    found = measured(points=points)
    assert found.fit == 1
    assert not list(doubts(found, Category.UPPER))


def test_a_large_picture_is_measured_as_a_small_one() -> None:
    large = [np.repeat(np.repeat(a, 3, 0), 3, 1) for a in (MAP, PHOTO)]
    found = agreement(
        large[0], SCHEMES["viton"], moved(3, 1), (3 * H, 3 * W), large[1], Category.UPPER
    )
    assert found.fit == measured().fit
    np.testing.assert_allclose([found.x, found.y], [measured().x, measured().y], atol=0.001)


@pytest.mark.parametrize(
    ("good", "bad", "role"),
    [
        ({"fit": 0.61}, {"fit": 0.59}, "keypoints"),
        ({"x": 0.07}, {"x": 0.09}, "keypoints"),
        ({"y": -0.07}, {"y": -0.09}, "keypoints"),
        ({"clothes": 0.021}, {"clothes": 0.019}, "parsing"),
        ({"edges": 0.81}, {"edges": 0.79}, "parsing"),
    ],
)
def test_the_limits_are_beyond_all_that_is_good_in_viton(
    good: dict[str, float], bad: dict[str, float], role: str
) -> None:
    usual = Agreement(fit=1.0, x=0.0, y=0.0, own=4, clothes=0.5, edges=3.0, mirror=-0.2)
    assert not list(doubts(usual._replace(**good), Category.UPPER))
    assert roles(usual._replace(**bad)) == [role]


def test_nothing_measured_is_nothing_doubted() -> None:
    assert not list(doubts(Agreement(clothes=0.5), Category.UPPER))
