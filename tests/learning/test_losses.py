"""Losses: their zero, their gradient, and when the tutor is trusted."""

import math

import pytest
import torch
from torch import Tensor

from pfafn.learning.distillation import (
    feature_distillation,
    flow_distillation,
    mean_over_trusted,
    trusted,
)
from pfafn.learning.losses import generator_terms, misplaced, warp_terms
from pfafn.models.geometry import grid_of
from pfafn.models.warp import Alignment

H, W = 64, 96


def still(batch: int = 2) -> Alignment:
    """An alignment that moves nothing."""
    sizes = [(H >> n, W >> n) for n in (4, 3, 2, 1, 0)]
    grids = [grid_of(torch.zeros(batch, 2, *size)) for size in sizes]
    offsets = [torch.zeros(batch, 2, h // 2 or 1, w // 2) for h, w in sizes]
    return Alignment(grids, offsets, offsets)


def pyramid(value: float, batch: int = 2) -> list[Tensor]:
    return [torch.full((batch, 3, 2 << n, 3 << n), value) for n in range(5)]


def test_a_garment_that_is_worn_as_it_lies_costs_only_the_smoothness_floor() -> None:
    garment, mask = torch.rand(2, 3, H, W), torch.rand(2, 1, H, W)
    terms = warp_terms(still(), garment, mask, garment, mask, None)
    for term in (terms.l1, terms.mask):
        torch.testing.assert_close(term, torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(terms.tv, torch.zeros(10))
    torch.testing.assert_close(
        terms.second_order, torch.full((5,), 2 * 1e-6**0.45), rtol=1e-2, atol=0
    )


def test_the_warp_loss_pulls_the_garment_to_where_it_is_worn() -> None:
    ramp = torch.arange(float(W)).expand(1, 3, H, W) / W
    garment, worn = ramp, ramp - 2 / W  # worn two pixels further right than it lies
    offset = torch.zeros(1, 2, H, W, requires_grad=True)
    flow = Alignment([grid_of(offset)] * 5, [offset] * 5, [offset] * 5)
    ones = torch.ones(1, 1, H, W)
    warp_terms(flow, garment, ones, worn, ones, None).l1.sum().backward()
    dx, dy = offset.grad[0, :, 1:-1, 1:-1]
    assert (dx > 0).all()  # descending makes dx negative: fetch from the left
    assert not dy.any()


def test_the_tutor_is_trusted_where_it_is_nearer_to_the_truth() -> None:
    clothes = torch.zeros(3, 3, H, W)
    tutor = clothes + torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1, 1)
    student = clothes + 0.2
    assert trusted(tutor, student, clothes).tolist() == [True, False, False]


def test_nobody_trusted_is_exactly_zero_and_has_no_gradient() -> None:
    student = [s.requires_grad_() for s in pyramid(1.0)]
    loss = feature_distillation(student, pyramid(5.0), torch.tensor([False, False])).sum()
    loss.backward()
    assert loss.item() == 0
    assert not any(s.grad.any() for s in student)


def test_the_mean_is_over_trusted_samples_only() -> None:
    values = torch.tensor([2.0, 100.0, 4.0])
    assert mean_over_trusted([values], torch.tensor([True, False, True])).item() == 3


def test_feature_distillation_is_the_mean_squared_distance() -> None:
    loss = feature_distillation(pyramid(1.0), pyramid(4.0), torch.tensor([True, True]))
    torch.testing.assert_close(loss, torch.full((5,), 9.0))


def test_flow_distillation_is_the_mean_distance_of_the_three_finest() -> None:
    student = [torch.zeros(2, 2, 2, 3) for _ in range(5)]
    tutor = [torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(2, 2, 2, 3) for _ in range(5)]
    loss = flow_distillation(student, tutor, torch.tensor([True, False]))
    torch.testing.assert_close(loss, torch.full((3,), 5.0))


def test_no_gradient_reaches_the_tutor() -> None:
    tutor = [t.requires_grad_() for t in pyramid(2.0)]
    student = [s.requires_grad_() for s in pyramid(1.0)]
    feature_distillation(student, tutor, torch.tensor([True, True])).sum().backward()
    assert all(t.grad is None for t in tutor)


def test_a_perfect_try_on_costs_what_the_mask_leaves_out() -> None:
    photo = torch.rand(1, 3, H, W)
    terms = generator_terms(photo, photo, torch.full((1, 1, H, W), 0.75), photo, None)
    assert [t.item() for t in terms] == pytest.approx([0, 0, 0, 0, 0.25])


@pytest.mark.parametrize("batch", [1, 3])
def test_the_loss_does_not_depend_on_the_batch_size(batch: int) -> None:
    photo, drawn = torch.zeros(batch, 3, H, W), torch.full((batch, 3, H, W), 0.5)
    terms = generator_terms(drawn, drawn, torch.ones(batch, 1, H, W), photo, None)
    assert terms.l1.item() == 0.5


def test_a_misplaced_composition_costs_its_cross_entropy_where_the_warped_garment_is() -> None:
    clothes = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2)
    warped = torch.tensor([1.0, 0.0, 1.0, 0.5]).view(1, 1, 2, 2)
    undecided = misplaced(torch.full_like(clothes, 0.5), warped, clothes, in_front=1)
    torch.testing.assert_close(undecided, torch.tensor(2.5 / 4 * math.log(2)), rtol=1e-3, atol=0)
    right = misplaced(clothes, warped, clothes, in_front=1)
    torch.testing.assert_close(right, torch.tensor(0.0), rtol=0, atol=1e-4)


def test_where_something_is_in_front_of_the_garment_a_misplaced_composition_costs_more() -> None:
    clothes = torch.tensor([1.0, 1.0, 1.0, 0.0]).view(1, 1, 2, 2)
    undecided, warped = torch.full_like(clothes, 0.5), torch.ones_like(clothes)
    costs = [misplaced(undecided, warped, clothes, in_front=count) for count in (1, 4)]
    torch.testing.assert_close(costs[1], (3 + 4) / 4 * costs[0])


def test_a_mask_that_hides_an_arm_for_sure_is_still_drawn_back_and_the_warp_is_not() -> None:
    composition = torch.full((1, 1, 2, 3), 1.0, requires_grad=True)
    warped = torch.ones(1, 1, 2, 3, requires_grad=True)
    misplaced(composition, warped, torch.zeros(1, 1, 2, 3), in_front=1).backward()
    assert (composition.grad > 100).all()
    assert warped.grad is None
