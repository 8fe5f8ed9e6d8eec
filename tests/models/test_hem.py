"""What a tutor is not told: where the old garment ends, for there a new one would end too."""

import pytest
import torch

from pfafn.models.parts import Category, Keypoint, Parsing
from pfafn.models.representation import Represented, represent
from pfafn.models.tryon import TryOnNet

HEIGHT, WIDTH = 20, 4
NECK, HIPS = 3.0, 11.0  # rows; a quarter of their distance is two rows


def keypoints(*missing: Keypoint) -> torch.Tensor:
    points = torch.full((1, 18, 3), HIPS)
    points[:, Keypoint.NECK] = NECK
    points[:, list(missing)] = 0
    return points


def told(edge: int, reach: float, category: Category, *missing: Keypoint) -> Represented:
    """Of somebody whose top ends and whose trousers begin in row `edge`."""
    parsing = torch.full((1, HEIGHT, WIDTH), Parsing.UPPER_CLOTHES)
    parsing[:, edge:] = Parsing.LOWER_CLOTHES
    parts, kind = torch.zeros_like(parsing), torch.tensor([category])
    person = torch.ones(1, 3, HEIGHT, WIDTH)
    return represent(person, parsing, parts, keypoints(*missing), kind, hem=reach)


def rows(told: Represented) -> list[int]:
    """Where other clothes are told of."""
    return told.condition[0, 1].amax(dim=1).nonzero()[:, 0].tolist()


@pytest.mark.parametrize("edge", [9, 11, 13])
def test_trousers_are_told_of_from_as_far_below_the_hips_wherever_a_top_ends(edge: int) -> None:
    assert rows(told(edge, 0.25, Category.UPPER)) == list(range(13, HEIGHT))


@pytest.mark.parametrize("edge", [9, 11, 13])
def test_a_top_is_told_of_to_as_far_above_the_hips_wherever_trousers_begin(edge: int) -> None:
    assert rows(told(edge, 0.25, Category.LOWER)) == list(range(min(edge, 10)))


def test_a_top_that_ends_still_lower_is_seen_there() -> None:
    assert rows(told(15, 0.25, Category.UPPER)) == list(range(15, HEIGHT))


def test_as_in_the_paper_all_other_clothes_are_told_of() -> None:
    assert rows(told(9, 0.0, Category.UPPER)) == list(range(9, HEIGHT))


def test_the_drawing_is_shown_no_more_than_the_warp() -> None:
    known = told(9, 0.25, Category.UPPER)
    assert torch.equal(known.preserved[:, :1], known.condition[:, 1:2])


def test_where_the_clothes_are_is_known_as_before() -> None:
    exact, hidden = told(9, 0.0, Category.UPPER), told(9, 0.25, Category.UPPER)
    assert torch.equal(exact.clothes_mask, hidden.clothes_mask)


@pytest.mark.parametrize("point", [Keypoint.NECK, Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP])
def test_nothing_is_hidden_of_a_person_whose_torso_is_not_known(point: Keypoint) -> None:
    assert rows(told(9, 0.25, Category.UPPER, point)) == list(range(9, HEIGHT))


def test_a_dress_ends_anywhere_and_shoes_stay() -> None:
    parsing = torch.full((1, HEIGHT, WIDTH), Parsing.LEFT_SHOE)
    kind = torch.tensor([Category.DRESS])
    person = torch.ones(1, 3, HEIGHT, WIDTH)
    known = represent(person, parsing, torch.zeros_like(parsing), keypoints(), kind, hem=0.25)
    assert rows(known) == list(range(HEIGHT))


def test_each_person_of_a_batch_has_hips_of_its_own() -> None:
    parsing = torch.full((2, HEIGHT, WIDTH), Parsing.LOWER_CLOTHES)
    points = torch.cat([keypoints(), keypoints()])
    points[1, :, 1] += 4
    kinds = torch.tensor([Category.UPPER] * 2)
    person = torch.ones(2, 3, HEIGHT, WIDTH)
    known = represent(person, parsing, torch.zeros_like(parsing), points, kinds, hem=0.25)
    assert [len(found.nonzero()) for found in known.condition[:, 1, :, 0]] == [7, 3]


def test_a_tutor_knows_what_it_is_not_told() -> None:
    widths = [4, 4, 4, 4, 4], 8, None
    assert TryOnNet("tutor", *widths, hem=0.3).architecture["hem"] == 0.3
    assert "hem" not in TryOnNet("tutor", *widths).architecture
