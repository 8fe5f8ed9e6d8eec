"""Geometry: what grids and warps mean."""

import pytest
import torch
from torch import Tensor

from pfafn.models.geometry import (
    compose,
    flow_of,
    grid_of,
    resize,
    second_order,
    total_variation,
    upsample,
    warp,
)

H, W = 6, 8  # never square: a square image cannot tell x from y


def shift(dx: float, dy: float) -> Tensor:
    """The same offset everywhere, [1, 2, H, W]."""
    return torch.tensor([float(dx), float(dy)]).view(1, 2, 1, 1).expand(1, 2, H, W).clone()


def columns() -> Tensor:
    return torch.arange(float(W)).expand(1, 1, H, W)


def rows() -> Tensor:
    return torch.arange(float(H)).view(1, 1, H, 1).expand(1, 1, H, W)


def test_positive_dx_fetches_from_the_right() -> None:
    warped = warp(columns(), grid_of(shift(1, 0)))
    torch.testing.assert_close(warped[..., 0], torch.ones(1, 1, H), atol=1e-5, rtol=0)


def test_positive_dy_fetches_from_below() -> None:
    warped = warp(rows(), grid_of(shift(0, 1)))
    torch.testing.assert_close(warped[..., 0, :], torch.ones(1, 1, W), atol=1e-5, rtol=0)


def test_no_offset_is_the_picture_itself() -> None:
    picture = torch.rand(2, 3, H, W)
    still = grid_of(torch.zeros(2, 2, H, W))
    torch.testing.assert_close(warp(picture, still), picture)


def test_flow_of_undoes_grid_of() -> None:
    offset = torch.randn(2, 2, H, W, dtype=torch.double)
    torch.testing.assert_close(flow_of(grid_of(offset)), offset)


def test_beyond_the_border_garments_repeat_and_masks_end() -> None:
    away = grid_of(shift(2 * W, 0))
    torch.testing.assert_close(warp(columns(), away), torch.full((1, 1, H, W), W - 1.0))
    assert not warp(torch.ones(1, 1, H, W), away, padding="zeros").any()


def test_composing_two_shifts_is_their_sum() -> None:
    both = compose(grid_of(shift(1, 2)), shift(1, -1))
    inner = (..., slice(1, H - 1), slice(1, W - 1))
    torch.testing.assert_close(flow_of(both)[inner], shift(2, 1)[inner], atol=1e-5, rtol=0)


def test_composition_moves_by_the_offset_before_asking_the_grid() -> None:
    # A grid that is no plain sum: x offset grows with x. (p + 1) asks for 0.5 * (p + 1).
    growing = torch.cat([columns() * 0.5, torch.zeros(1, 1, H, W)], dim=1)
    combined = flow_of(compose(grid_of(growing), shift(1, 0)))
    torch.testing.assert_close(combined[0, 0, 2, 3], torch.tensor(1 + 0.5 * 4), atol=1e-5, rtol=0)


def test_upsampling_keeps_absolute_positions() -> None:
    constant = torch.full((1, 2, H, W), 0.25)
    torch.testing.assert_close(upsample(constant), torch.full((1, 2, 2 * H, 2 * W), 0.25))


def test_resize_halves_by_averaging_two_by_two() -> None:
    torch.testing.assert_close(
        resize(columns(), (H // 2, W // 2))[0, 0, 0], torch.tensor([0.5, 2.5, 4.5, 6.5])
    )


def test_a_plane_has_no_second_order() -> None:
    plane = torch.cat([0.1 * columns() + 0.2 * rows(), -0.3 * columns()], dim=1).double()
    floor = 2 * (1e-6) ** 0.45
    assert second_order(plane).item() == pytest.approx(floor, rel=1e-6)


def test_a_bend_costs_the_same_along_x_and_y() -> None:
    bump = torch.zeros(1, 2, 7, 7)
    bump[..., 3, 3] = 1
    assert second_order(bump).item() > second_order(bump * 0.5).item()
    torch.testing.assert_close(second_order(bump), second_order(bump.transpose(2, 3)))


def test_total_variation_of_a_ramp_is_its_slope() -> None:
    ramp = torch.cat([2 * columns(), torch.zeros(1, 1, H, W)], dim=1)
    assert total_variation(ramp).item() == pytest.approx(1.0)  # 2 in one of two channels


def test_a_grid_of_another_batch_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"must be \[2, 2, H, W\], got \[1, 2, 6, 8\]"):
        warp(torch.zeros(2, 1, H, W), grid_of(shift(0, 0)))
