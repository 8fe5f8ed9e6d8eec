"""Sampling is warping, also in what it teaches."""

import pytest
import torch

from pfafn.fast.sampling import sample
from pfafn.models.geometry import warp

H, W = 6, 8


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_sampling_is_warping_also_beyond_the_border(layout: torch.memory_format) -> None:
    source = torch.randn(2, 5, 4, 7).to(memory_format=layout)
    grid = torch.rand(2, 2, H, W) * 3 - 1.5
    torch.testing.assert_close(sample(source, grid), warp(source, grid), atol=1e-5, rtol=0)


@pytest.mark.parametrize("corner", [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)])
def test_the_corners_of_a_grid_are_the_corner_pixels(corner: tuple[float, float]) -> None:
    source, (x, y) = torch.randn(1, 3, 4, 7), corner
    found = sample(source, torch.tensor(corner).view(1, 2, 1, 1))
    expected = source[..., 3 if y > 0 else 0, 6 if x > 0 else 0]
    torch.testing.assert_close(found[..., 0, 0], expected)


def test_of_a_coarse_source_the_places_stay_exact() -> None:
    ramp = torch.arange(512.0).expand(1, 1, 2, 512).bfloat16()
    grid = torch.zeros(1, 2, 1, 1)
    grid[0, 0] = 2 * 130 / 511 - 1  # bfloat16 would round this place by up to a pixel
    assert sample(ramp, grid).item() == 130


def test_the_places_of_a_coarse_grid_are_exact() -> None:
    source, grid = torch.randn(1, 3, 40, 70), torch.rand(1, 2, H, W).bfloat16()
    torch.testing.assert_close(sample(source, grid), sample(source, grid.float()), atol=0, rtol=0)


def test_what_is_no_place_is_the_first_one_as_for_warping() -> None:
    source, grid = torch.randn(1, 3, 4, 7), torch.full((1, 2, 1, 1), torch.nan)
    torch.testing.assert_close(sample(source, grid), warp(source, grid))


def test_source_and_grid_learn_as_from_warping_also_on_and_beyond_the_border() -> None:
    source = torch.randn(2, 5, 4, 7, dtype=torch.float64)
    grid = torch.rand(2, 2, H, W, dtype=torch.float64) * 3 - 1.5
    grid[:, :, 0] = 1  # on the border to the bit
    grid[:, :, 1] = -1
    wanted = torch.randn(2, 5, H, W, dtype=torch.float64)
    learnt = []
    for how in (sample, warp):
        given = source.clone().requires_grad_(), grid.clone().requires_grad_()
        (how(*given) * wanted).sum().backward()
        learnt.append([each.grad for each in given])
    torch.testing.assert_close(*learnt, rtol=1e-9, atol=1e-12)


def test_sampling_gives_the_gradient_that_differences_give() -> None:
    source = torch.randn(1, 2, 3, 5, dtype=torch.float64, requires_grad=True)
    grid = (torch.rand(1, 2, 2, 4, dtype=torch.float64) * 1.8 - 0.9).requires_grad_()
    assert torch.autograd.gradcheck(sample, (source, grid))
