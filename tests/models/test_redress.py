"""The tutor's fakes: a person in another garment, arms in front of it where they belong."""

import pytest
import torch
from tinytrain import TINY, H, Samples, W

from pfafn.models.parts import BodyPart, Parsing
from pfafn.models.redress import redress
from pfafn.models.tryon import TryOnNet, Worn

ARM = (slice(20, 30), slice(30, 60))  # rows, columns of a forearm before the body


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    batch = torch.utils.data.default_collate([Samples()[(1, i)] for i in range(2)])
    batch["parsing"] = torch.full((2, H, W), int(Parsing.UPPER_CLOTHES), dtype=torch.uint8)
    batch["body_parts"] = torch.full((2, H, W), int(BodyPart.TORSO), dtype=torch.uint8)
    batch["parsing"][:, *ARM] = Parsing.LEFT_ARM
    batch["body_parts"][:, *ARM] = BodyPart.LEFT_FOREARM
    batch["unpaired_garment"] = batch["garment"].flip(0)
    batch["unpaired_mask"] = torch.ones(2, 1, H, W)
    return batch


def dressed(batch: dict[str, torch.Tensor]) -> Worn:
    torch.manual_seed(0)
    return redress(TryOnNet("tutor", **TINY, generator=4).eval(), batch)


def test_a_bare_arm_is_drawn_in_front_of_the_garment(batch: dict[str, torch.Tensor]) -> None:
    bare = {"wearer_parsing": batch["parsing"], "wearer_body_parts": batch["body_parts"]}
    worn = dressed(batch | bare)
    arm = (..., *ARM)
    torch.testing.assert_close(worn.image[arm], worn.rendered[arm], atol=0, rtol=0)
    assert not worn.mask[arm].any()
    assert worn.mask[..., : ARM[0].start, :].any(), "the garment shows beside the arm"


def test_under_a_long_sleeve_or_by_the_papers_rule_no_forearm_is_in_front(
    batch: dict[str, torch.Tensor],
) -> None:
    sleeved = {
        "wearer_parsing": torch.full_like(batch["parsing"], Parsing.UPPER_CLOTHES),
        "wearer_body_parts": batch["body_parts"],
    }
    torch.testing.assert_close(dressed(batch | sleeved), dressed(batch), atol=0, rtol=0)
    assert dressed(batch).mask[..., *ARM].any()
