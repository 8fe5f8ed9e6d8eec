"""What most samples of a set have in common is told of the set."""

import pytest

from pfafn.annotations.agreement import Agreement, Reading
from pfafn.annotations.systematic import of_garments, of_persons

GOOD = Agreement(fit=1.0, x=0.0, y=0.0, own=4, other=0, clothes=0.5, edges=3.0, mirror=-0.2)
HALF = GOOD._replace(fit=0.2, x=-0.25, better=Reading("scale", 0.5))
WRONG = {
    "half as large": (HALF, "keypoints", "0.50 times as large"),
    "of another scheme": (GOOD._replace(fit=0.1, better=Reading("atr")), "parsing", "to atr"),
    "no face": (GOOD._replace(x=1.0, y=1.0), "keypoints", "contradict"),
    "mirrored maps": (GOOD._replace(edges=0.5), "parsing", "mirrored"),
    "hardly mirrored maps": (GOOD._replace(edges=0.85), "parsing", "in the middle of 5 persons"),
    "naked": (GOOD._replace(clothes=0.0), "parsing", "nobody wears"),
    "a little beside": (GOOD._replace(x=0.04), "keypoints", "4% of the picture"),
    "a little below": (GOOD._replace(y=-0.05), "keypoints", "5% of the picture"),
    "mirrored points": (GOOD._replace(mirror=0.1), "keypoints", "mirrored"),
    "other arms": (GOOD._replace(own=0, other=4), "parsing", "left and right"),
}


@pytest.mark.parametrize(("wrong", "role", "text"), WRONG.values(), ids=WRONG)
def test_what_most_have_in_common_is_said(wrong: Agreement, role: str, text: str) -> None:
    doubt = of_persons([GOOD, GOOD, wrong, wrong, wrong])
    assert doubt is not None
    assert doubt.role == role
    assert text in doubt.text


@pytest.mark.parametrize(("wrong", "role", "text"), WRONG.values(), ids=WRONG)
def test_what_fewer_have_is_theirs_alone(wrong: Agreement, role: str, text: str) -> None:
    assert of_persons([GOOD, GOOD, GOOD, wrong, wrong]) is None


def test_keypoints_of_other_persons_are_told_by_how_the_heads_scatter() -> None:
    """As of people who all stand alike: none of them is doubted alone."""
    doubt = of_persons([GOOD._replace(x=x) for x in (-0.05, 0.03, 0.0, 0.06, -0.03)])
    assert doubt is not None
    assert "of the same persons?" in doubt.text
    assert of_persons([GOOD._replace(x=x) for x in (-0.07, 0.01, 0.0, 0.07, -0.01)]) is None


def test_nothing_is_concluded_from_two() -> None:
    assert of_persons([HALF, HALF]) is None
    assert of_persons([HALF, HALF, HALF]) is not None
    assert of_garments([1.0, 1.0]) is None


def test_where_a_face_ends_below_is_left_to_who_drew_it() -> None:
    assert of_persons([GOOD._replace(y=-0.035)] * 5) is None


def test_one_seen_from_behind_among_long_sleeves_is_no_reason() -> None:
    behind, sleeves = GOOD._replace(own=0, other=4), GOOD._replace(own=0)
    assert of_persons([behind, sleeves, sleeves, sleeves]) is None


def test_the_middle_number_is_told_of_readings_that_differ() -> None:
    each = [HALF._replace(better=Reading("scale", x)) for x in (0.4, 0.5, 0.52, 0.55, 0.9)]
    doubt = of_persons(each)
    assert doubt is not None
    assert "0.52 times" in doubt.text


def test_readings_that_do_not_agree_are_not_told() -> None:
    kinds = [Reading("unit"), Reading("scale", 0.5), Reading("axes"), None]
    doubt = of_persons([HALF._replace(better=kind) for kind in kinds])
    assert doubt is not None
    assert "look" not in doubt.text


def test_what_nobody_could_measure_is_no_reason() -> None:
    assert of_persons([Agreement(clothes=0.4)] * 5) is None


@pytest.mark.parametrize(("covered", "said"), [((1, 1, 1, 0, 0), True), ((1, 1, 0, 0), False)])
def test_masks_are_black_on_white_if_most_cover_the_border(
    covered: tuple[float, ...], said: bool
) -> None:
    assert (of_garments(covered) is not None) == said
