"""The tutor's fakes: a person in another garment, arms in front of it where they belong."""

import pytest
import torch
from tinytrain import TINY, H, W, collated

from pfafn.models.inputs import Annotation, Garment, Wearer
from pfafn.models.parts import BodyPart, Parsing
from pfafn.models.redress import redress
from pfafn.models.tryon import TryOnNet, Worn

ARM = (slice(20, 30), slice(30, 60))  # rows, columns of a forearm before the body


def posed() -> Annotation:
    """Everybody's left forearm before the body."""
    parsing = torch.full((2, H, W), int(Parsing.UPPER_CLOTHES), dtype=torch.uint8)
    body_parts = torch.full((2, H, W), int(BodyPart.TORSO), dtype=torch.uint8)
    parsing[:, *ARM] = Parsing.LEFT_ARM
    body_parts[:, *ARM] = BodyPart.LEFT_FOREARM
    return collated(2).annotation._replace(parsing=parsing, body_parts=body_parts)


def dressed(wearer: Wearer | None = None, *, keep: int | None = None) -> Worn:
    torch.manual_seed(0)
    batch, tutor = collated(2), TryOnNet("tutor", **TINY, generator=4).eval()
    other = Garment(batch.garment.image.flip(0), torch.ones(2, 1, H, W))
    return redress(tutor, batch.person, posed(), other, wearer, keep=keep)


def test_a_bare_arm_is_drawn_in_front_of_the_garment() -> None:
    worn = dressed(Wearer(*posed()[:2]))
    arm = (..., *ARM)
    torch.testing.assert_close(worn.image[arm], worn.rendered[arm], atol=0, rtol=0)
    assert not worn.mask[arm].any()
    assert worn.mask[..., : ARM[0].start, :].any(), "the garment shows beside the arm"


def test_under_a_long_sleeve_or_by_the_papers_rule_no_forearm_is_in_front() -> None:
    parsing, body_parts = posed()[:2]
    sleeved = Wearer(torch.full_like(parsing, Parsing.UPPER_CLOTHES), body_parts)
    torch.testing.assert_close(dressed(sleeved), dressed(), atol=0, rtol=0)
    assert dressed().mask[..., *ARM].any()


@pytest.mark.parametrize("edge", [0, 1, 3])
def test_what_is_neither_near_old_nor_under_new_clothes_is_the_photos_to_the_bit(edge: int) -> None:
    photo, kept = collated(2).person, dressed(Wearer(*posed()[:2]), keep=edge)
    rows, columns = (slice(part.start + edge, part.stop - edge) for part in ARM)
    inner = (..., rows, columns)  # no pixel of which is so near the clothes
    torch.testing.assert_close(kept.image[inner], photo[inner], atol=0, rtol=0)
    differ = (kept.image != photo).any(dim=1)[:, *ARM]
    differ[:, edge : differ.shape[1] - edge, edge : differ.shape[2] - edge] = True
    assert differ.all(), "an edge of a parsing is not trusted"


def test_what_was_under_the_old_clothes_is_not_the_photos() -> None:
    kept, drawn = (dressed(Wearer(*posed()[:2]), keep=keep) for keep in (1, None))
    clothes = (..., slice(0, 18), slice(None))
    torch.testing.assert_close(kept.image[clothes], drawn.image[clothes], atol=0, rtol=0)
