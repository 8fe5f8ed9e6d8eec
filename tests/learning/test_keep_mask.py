"""What of the photo a student keeps, and how it learns that."""

import math

import pytest
import torch
from minimised import CLOTHES, Told, batch, losses, objective
from tinytrain import H, W
from torch import Tensor

from pfafn.learning.losses import misjudged, unchanged
from pfafn.learning.objective import Objective
from pfafn.models.inputs import Garment
from pfafn.samples.sample import StudentSample


def keeping(
    kept: Tensor,
    section: str = "",
    *,
    keep: float = 0.0,
    stays: float = 1.0,
    edge: int = 1,
    **weights: float,
) -> Objective:
    told = {"keep": keep, "stays": stays, "edge": edge}
    student = objective("student", losses(section, **weights), **told)
    student.net.generator = Told(keep=kept)
    return student


def beside(rows: int, edge: int = 1) -> Tensor:
    """The uppermost rows, but for the clothes and their edge: [2, 1, H, W] in {0, 1}."""
    true = torch.zeros(2, 1, H, W)
    true[..., :rows, :] = 1
    near = (slice(part.start - edge, part.stop + edge) for part in CLOTHES)
    true[..., *near] = 0
    return true


def faked_below(rows: int) -> StudentSample:
    """Fakes that show the photo in their uppermost rows."""
    given = batch()
    image = torch.cat([given.person[:, :, :rows], given.fake.image[:, :, rows:]], dim=2)
    return given._replace(fake=given.fake._replace(image=image))


@pytest.mark.parametrize("edge", [0, 1, 2])
@pytest.mark.parametrize("rows", [H // 2, H])  # at last a photo stands for the fake
def test_the_photo_is_to_be_kept_where_the_fake_shows_it_beside_the_clothes(
    rows: int, edge: int
) -> None:
    given, true = faked_below(rows), beside(rows, edge)
    told = {"keep": 1.0, "edge": edge}
    assert keeping(true, **told)(given)["total"].item() == pytest.approx(0, abs=1e-3)
    for wrong in (20, slice(40, 60)), (5, slice(W)):  # within the clothes, beside them
        kept = true.clone()
        kept[:, 0, *wrong] = 1 - kept[:, 0, *wrong]
        assert keeping(kept, **told)(given)["total"].item() > 2e-3, wrong


def test_the_weight_multiplies_what_it_costs_to_keep_too_much_or_too_little() -> None:
    given, half = faked_below(H // 2), torch.full((2, 1, H, W), 0.5)
    found = keeping(half, keep=3.0)(given)
    assert found["generator_keep"] == found["total"]
    assert found["total"].item() == pytest.approx(3 * math.log(2), rel=1e-3)


def test_what_stays_counts_as_often_as_it_is_told() -> None:
    given, most = faked_below(H // 2), torch.full((2, 1, H, W), 0.9)
    once, often = (keeping(most, keep=1.0, stays=n)(given)["total"].item() for n in (1, 9))
    others, stays = 3 * once + math.log(0.9), -math.log(0.9)
    assert often == pytest.approx((9 * stays + others) / 11, rel=1e-3)


def test_in_training_the_photo_shows_only_where_it_should() -> None:
    given, true = faked_below(H // 2), beside(H // 2)
    given = given._replace(garment=Garment(given.garment.image * 0, given.garment.mask))
    found = keeping(torch.full_like(true, 0.8), "generator", l1=1.0)(given)["generator_l1"]
    shown = 0.8 * true * given.person  # drawing and garment are gray
    torch.testing.assert_close(found, (shown - given.person).abs().mean())


def test_old_sleeves_count_as_much_as_all_that_stays_and_all_that_the_garment_covers() -> None:
    true, garment = torch.zeros(2, 1, 1, 8, 8)
    true[..., :6, :] = 1  # 48 pixels stay
    garment[..., 6, :] = garment[..., 7, :6] = 1  # of the others 14 are covered, 2 are not
    keep = torch.full_like(true, 0.5)
    keep[..., 7, 6:] = 0.9
    expected = (2 * math.log(2) - math.log(1 - 0.9)) / 3
    assert misjudged(keep, true, garment).item() == pytest.approx(expected, rel=1e-3)
    keep[..., :6, :] = 0.7
    expected = (3 * -math.log(0.7) + math.log(2) - math.log(1 - 0.9)) / 5
    assert misjudged(keep, true, garment, stays=3).item() == pytest.approx(expected, rel=1e-3)


def test_a_shade_of_difference_is_one() -> None:
    shades = torch.arange(256.0).view(1, 1, 16, 16).expand(1, 3, 16, 16) / 127.5 - 1
    darker = torch.cat([shades[:, :1], shades[:, 1:2] - 1 / 127.5, shades[:, 2:]], dim=1)
    assert unchanged(shades, shades).all()
    assert not unchanged(darker, shades).any()
