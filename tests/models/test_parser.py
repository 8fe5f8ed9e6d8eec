"""The parser's shapes, and where its joints are, against places known by hand."""

import math

import pytest
import torch

from pfafn.models.parser import GRID, Parser, joints
from pfafn.models.parts import Keypoint, Parsing

H, W = 64, 96
ROWS, COLUMNS = H // GRID, W // GRID
NOWHERE = ROWS * COLUMNS


def places(**likely: float) -> torch.Tensor:
    """[1, 18, P]: every joint at these places, p12=0.5 meaning place 12 with that chance."""
    chance = torch.full((1, 18, NOWHERE + 1), 1e-9)
    for name, value in likely.items():
        chance[..., int(name[1:])] = value
    return chance.log()


def test_every_pixel_gets_a_class_and_every_joint_a_place() -> None:
    parsed = Parser(4)(torch.zeros(2, 3, H, W))
    assert parsed.parsing.shape == (2, len(Parsing), H, W)
    assert parsed.places.shape == (2, len(Keypoint), NOWHERE + 1)


def test_a_place_is_the_middle_of_its_pixels() -> None:
    found = joints(places(p0=1, p1=0), (H, W))[0, 0]
    assert found.tolist() == pytest.approx([1.5, 1.5, 1])  # the middle of pixels 0..3
    row, column = 3, 5
    found = joints(places(**{f"p{row * COLUMNS + column}": 1}), (H, W))[0, 0]
    assert found.tolist() == pytest.approx([column * GRID + 1.5, row * GRID + 1.5, 1])


def test_between_two_likely_neighbours_is_between_their_middles() -> None:
    near = {f"p{COLUMNS * 4 + 6}": 0.75, f"p{COLUMNS * 4 + 7}": 0.25}
    x, y, seen = joints(places(**near), (H, W))[0, 0].tolist()
    assert (x, y, seen) == pytest.approx((6.25 * GRID + 1.5, 4 * GRID + 1.5, 1))


def test_what_is_likely_far_away_does_not_draw_a_joint_to_it() -> None:
    two = {f"p{COLUMNS * 4 + 3}": 0.6, f"p{COLUMNS * 4 + 20}": 0.4}
    assert joints(places(**two), (H, W))[0, 0, 0].item() == pytest.approx(3 * GRID + 1.5)


def test_a_joint_is_as_likely_seen_as_it_is_not_nowhere() -> None:
    found = joints(places(p5=0.3, **{f"p{NOWHERE}": 0.7}), (H, W))
    assert found[..., 2].tolist() == [[pytest.approx(0.3)] * 18]


def test_the_best_place_of_a_flat_guess_is_still_in_the_picture() -> None:
    found = joints(torch.zeros(1, 18, NOWHERE + 1), (H, W))
    assert found.isfinite().all()
    assert math.isclose(found[0, 0, 2].item(), 1 - 1 / (NOWHERE + 1), rel_tol=1e-5)
