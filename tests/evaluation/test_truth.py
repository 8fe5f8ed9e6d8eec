"""Where a try-on is hard, of persons drawn with a few strokes."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pfafn.evaluation.truth import GROUPS, REACH, Truth, between, may_change
from pfafn.models.inputs import Annotation
from pfafn.models.parts import BodyPart, Category, Parsing
from pfafn.studio.dataset import draw_sample
from pfafn.studio.flat import lay_flat
from pfafn.studio.scene import photograph

H, W = 6, 10
CLOTH, ARM, BARE, HAIR, TROUSERS = (
    Parsing.UPPER_CLOTHES,
    Parsing.RIGHT_ARM,
    Parsing.BACKGROUND,
    Parsing.HAIR,
    Parsing.LOWER_CLOTHES,
)
HAND, UPPER, TRUNK = BodyPart.RIGHT_HAND, BodyPart.RIGHT_UPPER_ARM, BodyPart.TORSO
SPOT = slice(2, 4), slice(4, 6)  # inside the picture


def person(before: int, after: int, part: int, around: int = CLOTH) -> Truth:
    """All of her is around, in the photo and in the truth, but for a spot of a body part."""
    ids = torch.full((3, H, W), int(around), dtype=torch.uint8)
    for sheet, value in zip(ids, (before, after, part), strict=True):
        sheet[SPOT] = int(value)
    photo, shown, parts = ids
    worn, new = ((sheet == CLOTH)[None] for sheet in (photo, shown))
    return Truth(None, new, worn | new, None, new, photo, parts, shown)


def spot(found: Tensor) -> bool:
    """Whether it is the spot, the whole of it and nothing else."""
    expected = torch.zeros(1, H, W, dtype=torch.bool)
    expected[:, *SPOT] = True
    assert torch.equal(found, expected) or not found.any()
    return bool(found.any())


@pytest.mark.parametrize(
    ("before", "after", "part", "expected"),
    [
        (CLOTH, ARM, UPPER, {"skin", "shorter"}),
        (CLOTH, ARM, HAND, {"skin", "shorter"}),
        (CLOTH, BARE, TRUNK, {"skin", "neckline"}),
        (CLOTH, BARE, BodyPart.BACKGROUND, set()),  # the wall
        (CLOTH, TROUSERS, TRUNK, set()),
        (ARM, CLOTH, UPPER, {"longer"}),
        (BARE, CLOTH, TRUNK, {"neckline"}),
        (TROUSERS, CLOTH, TRUNK, set()),
        (ARM, ARM, HAND, {"hands"}),
        (ARM, ARM, UPPER, set()),
        (HAIR, HAIR, TRUNK, {"hair"}),
    ],
)
def test_what_a_place_is_follows_from_what_is_seen_there_before_and_after(
    before: int, after: int, part: int, expected: set[str]
) -> None:
    found = person(before, after, part).groups()
    assert list(found) == list(GROUPS)
    assert {name for name, where in found.items() if spot(where)} == expected


def test_a_hand_beside_the_garment_is_not_in_front_of_it() -> None:
    assert not person(ARM, ARM, HAND, around=BARE).groups()["hands"].any()


def test_without_the_parsing_of_the_truth_there_are_no_groups() -> None:
    assert person(CLOTH, ARM, HAND)._replace(shown=None).groups() == {}
    assert Truth().groups() == {}


def test_between_is_what_has_something_on_both_sides_in_row_or_column() -> None:
    drawn = ["#..#.", ".....", "#..." + "#"]
    mask = torch.tensor([[mark == "#" for mark in line] for line in drawn])
    expected = ["####.", "#....", "#####"]
    assert between(mask).tolist() == [[mark == "#" for mark in line] for line in expected]


def annotated(parsing: int, part: int = BodyPart.BACKGROUND) -> Annotation:
    """A wall, four times REACH high; in its middle a spot of a class and a body part."""
    ids = torch.zeros(2, 1, 4 * REACH, 3 * REACH, dtype=torch.uint8)
    for sheet, value in zip(ids, (parsing, part), strict=True):
        sheet[0, 30:34, 20:28] = int(value)
    return Annotation(*ids, torch.zeros(1, 18, 3), torch.tensor([Category.UPPER]))


def box(rows: slice, columns: slice) -> Tensor:
    where = torch.zeros(1, 1, 4 * REACH, 3 * REACH, dtype=torch.bool)
    where[..., rows, columns] = True
    return where


@pytest.mark.parametrize(
    ("parsing", "part"),
    [(CLOTH, BodyPart.BACKGROUND), (ARM, BodyPart.BACKGROUND), (BARE, TRUNK), (BARE, UPPER)],
)
def test_any_garment_may_change_clothes_and_limbs_and_what_is_near_them(parsing, part) -> None:
    assert torch.equal(may_change(annotated(parsing, part)), box(slice(26, 38), slice(16, 32)))


@pytest.mark.parametrize("part", [HAIR, Parsing.FACE])
def test_no_garment_changes_face_or_hair_in_front_of_the_trunk(part) -> None:
    assert not may_change(annotated(part, TRUNK))[..., 30:34, 20:28].any()


def test_at_the_edge_of_the_worn_clothes_hair_may_change_as_its_parsing_is_uncertain() -> None:
    person = annotated(CLOTH)
    person.parsing[0, :, 28:] = int(HAIR)
    assert torch.equal(may_change(person)[..., 28:], box(slice(29, 35), slice(28, 29))[..., 28:])


def test_trousers_may_change_near_the_hem_alone() -> None:
    person = annotated(CLOTH)
    person.parsing[0, 34:] = int(TROUSERS)
    assert torch.equal(may_change(person), box(slice(26, 38), slice(16, 32)))


@pytest.mark.parametrize("index", range(4))
def test_whatever_a_drawn_person_puts_on_changes_only_what_may(index: int) -> None:
    person, worn = draw_sample(7, "test", index)
    other = draw_sample(7, "train", index).garment
    photo, tryon = (photograph(person, one, lay_flat(one, 128, 96)) for one in (worn, other))
    ids = (torch.from_numpy(sheet)[None] for sheet in (photo.parsing, photo.body_parts))
    upper = torch.tensor([Category.UPPER])
    stays = ~may_change(Annotation(*ids, torch.zeros(1, 18, 3), upper))[0, 0].numpy()
    changed = np.abs(tryon.picture.astype(int) - photo.picture).max(axis=-1) > 16
    assert stays.mean() > 0.4 and changed.mean() > 0.1
    assert changed[stays].mean() < 1e-3
