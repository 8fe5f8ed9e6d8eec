"""Which arms stay in front of a garment: judged by somebody who wears it."""

import pytest
import torch

from pfafn.models.parts import BodyPart, Parsing
from pfafn.models.representation import arms_in_front, represent
from pfafn.models.tryon import TryOnNet

# One row of pixels: hand, forearm, upper arm, torso.
PERSON_PARTS = torch.tensor(
    [[[BodyPart.LEFT_HAND, BodyPart.LEFT_FOREARM, BodyPart.LEFT_UPPER_ARM, BodyPart.TORSO]]]
)
BARE = torch.tensor([[[Parsing.LEFT_ARM, Parsing.LEFT_ARM, Parsing.LEFT_ARM, Parsing.DRESS]]])
WEARER_PARTS = torch.tensor([[[BodyPart.RIGHT_FOREARM_INSIDE, BodyPart.LEFT_FOREARM] * 2]])


def front(wearer: list[Parsing], person: torch.Tensor = BARE) -> list[bool]:
    worn = torch.tensor([[wearer]])
    return arms_in_front(person, PERSON_PARTS, worn, WEARER_PARTS).flatten().tolist()


@pytest.mark.parametrize(("skin", "forearm"), [(4, True), (3, True), (2, False), (0, False)])
def test_a_forearm_is_in_front_if_most_of_the_wearers_forearms_are_bare(
    skin: int, forearm: bool
) -> None:
    wearer = [Parsing.RIGHT_ARM] * skin + [Parsing.UPPER_CLOTHES] * (4 - skin)
    assert front(wearer) == [True, forearm, False, False]


def test_a_forearm_under_a_sleeve_is_bared_by_a_garment_without() -> None:
    sleeved = torch.tensor([[[Parsing.LEFT_ARM, *[Parsing.UPPER_CLOTHES] * 3]]])
    assert front([Parsing.LEFT_ARM] * 4, sleeved) == [True, True, False, False]


def test_a_hand_that_is_covered_is_not_in_front() -> None:
    gloved = torch.full_like(BARE, Parsing.UPPER_CLOTHES)
    assert front([Parsing.UPPER_CLOTHES] * 4, gloved) == [False] * 4


def test_of_a_garment_that_nobody_wears_only_the_hands_are_known_to_be_in_front() -> None:
    nobody = torch.zeros_like(BARE)
    found = arms_in_front(BARE, PERSON_PARTS, nobody, nobody)
    assert found.flatten().tolist() == [True, False, False, False]


def test_each_person_of_a_batch_is_judged_alone() -> None:
    bare, sleeved = [Parsing.LEFT_ARM] * 4, [Parsing.UPPER_CLOTHES] * 4
    found = arms_in_front(
        BARE.repeat(2, 1, 1),
        PERSON_PARTS.repeat(2, 1, 1),
        torch.tensor([[bare], [sleeved]]),
        WEARER_PARTS.repeat(2, 1, 1),
    )
    assert found[:, 0, 0, 1].tolist() == [True, False]


IDS = torch.zeros(1, 6, 8, dtype=torch.uint8)


@pytest.mark.parametrize("shape", [(18, 3), (1, 17, 3), (1, 18, 2)])
def test_what_are_no_keypoints_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="keypoints must be .B, 18, 3., got"):
        represent(torch.zeros(1, 3, 6, 8), IDS, IDS, torch.zeros(shape), torch.tensor([0]))


def test_a_network_is_of_one_of_two_roles() -> None:
    with pytest.raises(ValueError, match=r"role must be one of \['student', 'tutor'\], got 'me'"):
        TryOnNet("me", [4, 4, 4, 4, 4], 8, 2)
