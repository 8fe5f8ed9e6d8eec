"""What a bend costs, by its definition."""

import pytest
import torch

from pfafn.models.geometry import second_order, total_variation

H, W = 7, 9
YS, XS = torch.meshgrid(torch.arange(float(H)), torch.arange(float(W)), indexing="ij")


def charbonnier(*bends: float) -> float:
    """Twice the mean of (bend^2 + 1e-6)^0.45, over the four directions."""
    return 2 * sum((bend**2 + 1e-6) ** 0.45 for bend in bends) / 4


@pytest.mark.parametrize(
    ("surface", "bends"),  # horizontal, vertical, falling diagonal, rising diagonal
    [
        (XS**2, (2, 0, 2, 2)),
        (YS**2, (0, 2, 2, 2)),
        ((XS - YS) ** 2, (2, 2, 0, 8)),
        ((XS + YS) ** 2, (2, 2, 8, 0)),
        (XS * YS, (0, 0, 2, -2)),
    ],
)
def test_a_bend_costs_its_second_difference_in_each_of_four_directions(
    surface: torch.Tensor, bends: tuple[float, ...]
) -> None:
    grid = surface.double().expand(2, 2, H, W)
    assert second_order(grid).item() == pytest.approx(charbonnier(*bends), rel=1e-9)


def test_a_motion_of_one_axis_costs_half_of_both() -> None:
    x_alone = torch.stack([XS**2, 0 * XS])[None].double()
    expected = (charbonnier(2, 0, 2, 2) + charbonnier(0, 0, 0, 0)) / 2
    assert second_order(x_alone).item() == pytest.approx(expected, rel=1e-9)


def test_total_variation_is_the_slope_along_rows_and_along_columns() -> None:
    slope = torch.stack([2 * XS + 3 * YS, 5 * YS])[None]
    assert total_variation(slope).item() == pytest.approx((2 + 3) / 2 + 5 / 2)
