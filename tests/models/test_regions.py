"""What is kept of a person, what is replaced and what may be drawn anew, by garment category."""

import pytest
import torch
from torch import Tensor

from pfafn.models.parts import BodyPart, Category, Parsing
from pfafn.models.representation import Represented, arms_in_front, bare_skin, represent

# By id, written out: VITON's parsing has 14 classes, DensePose 25 parts.
CLOTHES = {"UPPER": {4, 7}, "LOWER": {8}, "DRESS": {4, 7}}
OTHER_CLOTHES = {"UPPER": {5, 6, 8, 9, 10}, "LOWER": {4, 5, 6, 7, 11, 13}, "DRESS": {5, 6}}
SKIN = {"UPPER": {*range(15, 23)}, "LOWER": {*range(7, 15)}, "DRESS": {*range(7, 23)}}
FACE, ARMS, HANDS = {1, 12}, {11, 13}, {3, 4}
H, W = 24, 32


def everything(categories: list[str], points: Tensor | None = None) -> Represented:
    """A person of each category who has every pair of a class (row) and a part (column)."""
    batch = len(categories)
    parsing = torch.arange(H).clamp(max=13).view(1, H, 1).expand(batch, H, W)
    parts = torch.arange(W).clamp(max=24).view(1, 1, W).expand(batch, H, W)
    points = torch.zeros(batch, 18, 3) if points is None else points
    category = torch.tensor([Category[name] for name in categories])
    return represent(torch.full((batch, 3, H, W), 0.5), parsing, parts, points, category)


def classes(mask: Tensor) -> set[int]:
    """The classes that are wholly in a mask [H, W]; none is in it in part."""
    assert (mask == mask[:, :1]).all()
    return set(mask[:14, 0].nonzero().flatten().tolist())


def parts(mask: Tensor) -> set[int]:
    assert (mask == mask[:1]).all()
    return set(mask[0, :25].nonzero().flatten().tolist())


@pytest.mark.parametrize("category", CLOTHES)
def test_each_category_replaces_keeps_and_bares_its_own(category: str) -> None:
    seen = everything(["UPPER", category])  # in a batch with another one
    assert classes(seen.clothes_mask[1, 0]) == CLOTHES[category]
    assert classes(seen.condition[1, 0]) == FACE
    assert classes(seen.condition[1, 1]) == OTHER_CLOTHES[category]
    assert parts(seen.limbs[1, 0]) == SKIN[category]


def test_every_body_part_has_a_channel() -> None:
    one_hot = everything(["UPPER"]).condition[0, 2:27]
    assert [parts(channel) for channel in one_hot] == [{part} for part in range(25)]


@pytest.mark.parametrize("category", CLOTHES)
def test_of_the_photo_face_other_clothes_and_bare_hands_are_kept(category: str) -> None:
    kept = everything([category]).preserved[0]
    assert set(kept.unique().tolist()) == {0, 0.5}
    whole = FACE | OTHER_CLOTHES[category]
    for row in range(14):
        hands = HANDS if row in ARMS and row not in whole else set()
        expected = set(range(25)) if row in whole else hands
        assert set(kept[0, row, :25].nonzero().flatten().tolist()) == expected, row


@pytest.mark.parametrize(
    ("x", "y", "columns", "rows"),
    [
        (12, 9, (7, 17), (4, 14)),  # eleven pixels, the point in the middle
        (12.7, 9.2, (7, 17), (4, 14)),  # rounded towards zero
        (3, 20, (0, 8), (15, 23)),  # cut at the border
        (1.5, 1.5, (0, 6), (0, 6)),
    ],
)
def test_a_keypoint_is_a_square_of_eleven_pixels(
    x: float, y: float, columns: tuple[int, int], rows: tuple[int, int]
) -> None:
    points = torch.zeros(1, 18, 3)
    points[0, 4] = torch.tensor([x, y, 0.1])
    pose = everything(["UPPER"], points).condition[0, 27:]
    expected = torch.full((18, H, W), -1.0)
    expected[4, rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = 1
    assert torch.equal(pose, expected)


@pytest.mark.parametrize(("x", "y"), [(1, 12), (12, 1), (0, 0)])
def test_a_keypoint_at_the_very_border_is_missing(x: float, y: float) -> None:
    points = torch.tensor([x, y, 1.0]).expand(1, 18, 3)
    assert (everything(["UPPER"], points).condition[0, 27:] == -1).all()


def test_of_an_arm_hand_and_forearm_may_be_in_front_of_a_garment() -> None:
    ids = torch.arange(25).view(1, 1, 25)
    skin = torch.full_like(ids, Parsing.LEFT_ARM)
    assert parts(arms_in_front(skin, ids, skin, ids)[0, 0].expand(2, 25)) == {
        *HANDS,
        *range(19, 23),
    }


def test_skin_is_arms_legs_faces_and_what_is_no_clothes_on_the_trunk() -> None:
    parsing = torch.arange(len(Parsing)).view(1, 1, -1)
    of_head, of_trunk = (
        set(bare_skin(parsing, torch.full_like(parsing, part)).flatten().nonzero()[:, 0].tolist())
        for part in (BodyPart.HEAD_LEFT, BodyPart.TORSO)
    )
    assert of_head == {9, 10, 11, 12, 13}
    assert of_trunk == of_head | {Parsing.BACKGROUND}
