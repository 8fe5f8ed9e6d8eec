"""Scores with known answers."""

import math

import pytest
import torch

from pfafn.evaluation.metrics import METRICS
from pfafn.evaluation.scores import (
    Outcome,
    end_point_error,
    in_front,
    iou,
    psnr,
    psnr_within,
    scores,
    ssim,
    ssim_within,
)
from pfafn.evaluation.truth import Truth
from pfafn.models.geometry import grid_of
from pfafn.models.parts import Parsing

H, W = 24, 40


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(3, H, W, generator=torch.Generator().manual_seed(seed))


def region(rows: slice = slice(None), columns: slice = slice(None)) -> torch.Tensor:
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[:, rows, columns] = True
    return mask


def test_a_constant_error_of_a_tenth_is_twenty_decibels():
    image = picture() * 0.8
    assert psnr(image + 0.1, image) == pytest.approx(20, abs=1e-4)


def test_equal_pictures_score_best():
    image = picture()
    assert psnr(image, image) == 100
    assert ssim(image, image) == pytest.approx(1, abs=1e-6)
    flat = torch.full((3, H, W), 0.9)
    assert ssim(flat, flat) == pytest.approx(1, abs=2e-4)


def test_ssim_is_symmetric_and_falls_with_noise():
    image = picture()
    noisy = [(image + s * picture(1)).clamp(0, 1) for s in (0.1, 0.5)]
    assert ssim(image, noisy[0]) == pytest.approx(ssim(noisy[0], image))
    assert 1 > ssim(image, noisy[0]) > ssim(image, noisy[1])


def test_psnr_of_the_clothes_sees_nothing_outside_them():
    image, inside = picture() * 0.8, region(slice(2, 9), slice(5, 30))
    wrong_outside = torch.where(inside, image + 0.1, torch.zeros(()))
    assert psnr_within(wrong_outside, image, inside) == pytest.approx(20, abs=1e-4)


def test_the_clothes_are_scored_in_their_region_not_where_garment_or_flow_are_seen():
    image, inside = picture() * 0.6, region(slice(2, 9), slice(5, 30))
    made = Outcome(torch.where(inside, image + 0.1, image + 0.4))
    elsewhere = region(slice(12, 20))
    truth = Truth(image, clothes=elsewhere, region=inside, visible=elsewhere)
    assert scores(made, truth)["psnr_clothes"] == pytest.approx(20, abs=1e-4)


def test_scores_of_an_empty_region_are_unknown():
    nowhere = region(slice(0, 0))
    assert math.isnan(psnr_within(picture(), picture(), nowhere))
    assert math.isnan(iou(nowhere.float(), nowhere))
    assert math.isnan(end_point_error(grid_of(torch.zeros(1, 2, H, W))[0], picture()[:2], nowhere))


def test_iou_of_two_overlapping_boxes():
    mask = region(slice(0, 10), slice(0, 10)).float() * 0.6
    clothes = region(slice(0, 10), slice(5, 15))
    assert iou(mask, clothes) == pytest.approx(50 / 150)
    assert iou(mask * 0.5, clothes) == 0  # below one half nothing is shown


def test_end_point_error_is_in_pixels_of_both_axes():
    flow = torch.zeros(2, H, W)
    offset = torch.tensor([3.0, -4.0]).view(1, 2, 1, 1).expand(1, 2, H, W)
    grid = grid_of(flow[None] + offset)[0]
    assert end_point_error(grid, flow, region()) == pytest.approx(5, abs=1e-4)


def test_end_point_error_counts_only_where_the_garment_shows():
    true = torch.zeros(2, H, W)
    true[0, :, : W // 2] = 7.0
    grid = grid_of(torch.zeros(1, 2, H, W))[0]
    left, right = region(columns=slice(0, W // 2)), region(columns=slice(W // 2, W))
    assert end_point_error(grid, true, left) == pytest.approx(7, abs=1e-4)
    assert end_point_error(grid, true, right) == pytest.approx(0, abs=1e-4)


def test_what_is_not_known_is_not_a_number():
    nothing = scores(Outcome(picture()), Truth(None, None, None))
    assert list(nothing) == list(METRICS)
    assert all(math.isnan(value) for value in nothing.values())
    known = {"clothes": region(), "region": region(slice(9))}
    unwarped = scores(Outcome(picture()), Truth(picture(), **known))
    assert {name for name, value in unwarped.items() if math.isnan(value)} == {
        "iou", "epe", "psnr_face", "psnr_hair", "psnr_lower", "skin", "hands",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("psnr_face", Parsing.FACE),
        ("psnr_hair", Parsing.HAIR),
        ("psnr_lower", Parsing.LOWER_CLOTHES),
    ],
)
def test_a_part_is_scored_where_it_should_stay(name: str, part: Parsing) -> None:
    image, upper = picture() * 0.6, region(slice(9))
    parsing = torch.where(region(columns=slice(5, 30))[0], int(part), int(Parsing.BACKGROUND))
    stays = (parsing == part) & ~upper
    made = Outcome(torch.where(stays, image + 0.1, image + 0.4))
    truth = Truth(image, region=upper, parsing=parsing.to(torch.uint8))
    assert scores(made, truth)[name] == pytest.approx(20, abs=1e-4)


def test_where_only_the_photo_is_known_what_may_change_is_not_scored() -> None:
    image, upper = picture() * 0.6, region(slice(9))
    parsing = torch.full((H, W), int(Parsing.HAIR), dtype=torch.uint8)
    truth = Truth(image, region=upper, parsing=parsing, whole=False)
    made = Outcome(torch.where(upper, 1 - image, image + 0.1))
    found = {name: value for name, value in scores(made, truth).items() if not math.isnan(value)}
    assert set(found) == {"ssim_kept", "psnr_hair"}
    assert found["psnr_hair"] == pytest.approx(20, abs=1e-4)


def test_what_should_stay_is_compared_as_if_the_clothes_were_right() -> None:
    image, upper = picture(), region(slice(9))
    wrong_clothes = torch.where(upper, 1 - image, image)
    assert ssim_within(wrong_clothes, image, ~upper) == pytest.approx(1, abs=1e-6)
    assert ssim_within(wrong_clothes, image, region()) == pytest.approx(
        ssim(wrong_clothes, image), abs=0.05
    )
    noisy = torch.where(upper, image, (image + 0.3 * picture(1)).clamp(0, 1))
    assert ssim_within(noisy, image, ~upper) < ssim(noisy, image) < 1


def test_a_mask_shows_the_garment_above_a_half_and_is_scored_only_if_the_clothes_are_known():
    image, half = torch.zeros(3, 16, 24), torch.full((1, 16, 24), 0.5)
    clothes = torch.ones(1, 16, 24, dtype=torch.bool)
    assert iou(half, clothes) == 0 and iou(half + 0.01, clothes) == 1
    assert math.isnan(scores(Outcome(image, half), Truth(image))["iou"])


SKIN, CLOTH = torch.tensor([0.8, 0.6, 0.5]), torch.tensor([0.1, 0.2, 0.7])


def painted(colour: torch.Tensor, where: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    return torch.where(where, colour[:, None, None], image)


def bared(arm: torch.Tensor) -> Truth:
    """Somebody in cloth all over, but for an arm that the old garment hid."""
    shown = torch.where(arm[0], int(Parsing.LEFT_ARM), int(Parsing.UPPER_CLOTHES)).byte()
    image = painted(SKIN, arm, painted(CLOTH, region(), picture()))
    none = torch.zeros(H, W, dtype=torch.uint8)
    return Truth(image, ~arm, region(), None, ~arm, none, none, shown)


def test_new_skin_is_judged_by_its_colour_alone() -> None:
    arm = region(slice(3, 9), slice(30, None))
    truth = bared(arm)
    assert scores(Outcome(truth.image), truth)["skin"] == 0
    elsewhere = painted(SKIN, ~arm, truth.image)
    assert scores(Outcome(elsewhere), truth)["skin"] == 0
    sleeve = painted(CLOTH, arm, truth.image)
    assert scores(Outcome(sleeve), truth)["skin"] > 30


def test_an_edge_of_a_pixel_is_no_new_skin() -> None:
    arm = region(slice(3, 4), slice(30, 30))
    assert math.isnan(scores(Outcome(picture()), bared(arm))["skin"])
    arm[0, 3, 30] = True  # a pixel of 960 is more than a thousandth
    assert not math.isnan(scores(Outcome(picture()), bared(arm))["skin"])


@pytest.mark.parametrize(("share", "front"), [(1.0, 1), (0.8, 1), (0.3, 0), (0.0, 0)])
def test_a_hand_is_in_front_if_it_looks_more_like_skin_than_like_the_cloth_beside_it(
    share: float, front: float
) -> None:
    hand = region(slice(8, 14), slice(10, 20))
    image = painted(SKIN, hand, painted(CLOTH, region(), picture()))
    image[:, :, 30:] = 0.95  # other cloth, further away
    truth = Truth(image, clothes=~hand)
    faint = painted(share * SKIN + (1 - share) * CLOTH, hand, image)
    assert in_front(faint, truth, hand) == front
