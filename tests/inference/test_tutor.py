"""A tutor dresses people by parsing and pose, which come in the photo's size."""

import numpy as np
import photoset
import pytest
from wearing import SIZE, H, W, annotations, network, pictures

from pfafn.inference import TutorTryOn
from pfafn.models.parts import Category
from pfafn.photos.checks import PictureError
from pfafn.photos.fitting import fit, fit_points, restore

pytestmark = pytest.mark.usefixtures("plain_arithmetic")


@pytest.fixture
def tutor() -> TutorTryOn:
    return TutorTryOn(network("tutor"), SIZE)


def test_a_tutor_dresses_by_parsing_and_pose(tutor) -> None:
    parsing, points = annotations()
    worn = tutor.wear(*pictures(), parsing, points)
    moved = tutor.wear(*pictures(), parsing, points + np.float32([9, 0, 0]))
    assert worn.shape == (H, W, 3)
    assert not np.array_equal(worn, moved)


def test_a_tutor_is_not_shown_the_clothes_it_replaces(tutor) -> None:
    person, garment, mask = pictures()
    parsing, points = annotations()
    repainted = person.copy()
    repainted[parsing == photoset.Parsing.UPPER_CLOTHES] = (9, 99, 199)
    worn = [tutor.wear(p, garment, mask, parsing, points) for p in (person, repainted)]
    assert np.array_equal(*worn)


def test_body_parts_that_are_given_replace_the_derived_ones(tutor) -> None:
    parsing, points = annotations()
    derived = tutor.wear(*pictures(), parsing, points)
    given = tutor.wear(*pictures(), parsing, points, np.zeros(SIZE, np.uint8))
    assert not np.array_equal(derived, given)


def test_a_tutors_annotations_shrink_with_the_person_into_the_models_size(tutor) -> None:
    """Everything twice as big is the same to the network, to the last bit."""
    person, garment, mask = pictures()
    parsing, points = annotations()
    points = points.round()
    parts = np.zeros(SIZE, np.uint8)
    small = tutor.wear(person, garment, mask, parsing, points, parts)
    twice = [np.kron(a, np.ones((2, 2), np.uint8)) for a in (parsing, parts)]
    points = points * 2 + np.float32([0.5, 0.5, 0])  # pixel centres are integers
    large = tutor.wear(person.repeat(2, 0).repeat(2, 1), garment, mask, twice[0], points, twice[1])
    assert np.array_equal(large, restore(small, (2 * H, 2 * W)))


def test_between_whole_sizes_a_tutors_annotations_stay_ids(tutor) -> None:
    size = (150, 70)
    person, parsing = photoset.person(1, size), photoset.parsing(size)
    points, parts = photoset.keypoints(size), parsing // 2 * 3
    _, garment, mask = pictures()
    worn = tutor.wear(person, garment, mask, parsing, points, parts)
    ids = [fit(each, SIZE, interpolation="nearest", fill=0) for each in (parsing, parts)]
    person = fit(person, SIZE, interpolation="smooth", fill=255)
    fitted = tutor.wear(person, garment, mask, ids[0], fit_points(points, size, SIZE), ids[1])
    assert np.array_equal(worn, restore(fitted, size))


def test_a_tutors_annotations_stand_where_a_letterboxed_person_stands(tutor) -> None:
    """A narrow photo is the same to the network as the one with its margins."""
    _, garment, mask = pictures()
    narrow, margin = (H, W // 2), W // 4
    person, parsing = photoset.person(1, narrow), photoset.parsing(narrow)
    points, parts = photoset.keypoints(narrow), np.zeros(narrow, np.uint8)
    worn = tutor.wear(person, garment, mask, parsing, points, parts)
    sides = ((0, 0), (margin, margin))
    wide = tutor.wear(
        np.pad(person, (*sides, (0, 0)), constant_values=255), garment, mask,
        np.pad(parsing, sides), points + np.float32([margin, 0, 0]), np.pad(parts, sides),
    )  # fmt: skip
    assert np.array_equal(worn, wide[:, margin:-margin])


def test_the_category_decides_what_is_replaced(tutor) -> None:
    worn = [
        tutor.wear(*pictures(), *annotations(), category=category)
        for category in (Category.UPPER, Category.LOWER)
    ]
    assert not np.array_equal(*worn)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("parsing", np.full(SIZE, 99, np.uint8), r"parsing must hold ids 0\.\.13, found 99"),
        ("parsing", np.zeros((8, 8), np.uint8), r"parsing must be .*got uint8 \(8, 8\)"),
        ("body_parts", np.full(SIZE, 25, np.uint8), r"body_parts must hold ids 0\.\.24, found 25"),
        ("keypoints", np.zeros((17, 3)), r"18 rows of x, y, score, got float64 \(17, 3\)"),
        ("keypoints", np.full((18, 3), np.nan), "keypoints must be finite"),
        ("keypoints", None, "got object"),
    ],
)
def test_annotations_that_do_not_fit_are_named(tutor, name, value, said: str) -> None:
    parsing, points = annotations()
    given = {"parsing": parsing, "keypoints": points} | {name: value}
    with pytest.raises(PictureError, match=said):
        tutor.wear(*pictures(), **given)
