"""The scores by which a fake is taken or not."""

import pytest
import torch
from torch import Tensor

from pfafn.learning.fakes import quality
from pfafn.models.tryon import Worn
from pfafn.models.warp import Alignment, Warped

H, W = 2, 8


def scores(image: Tensor, garment: Tensor, mask: Tensor) -> dict[str, list[float]]:
    """Of fakes [B, 3, H, W] that should show these garments under these masks."""
    warped = Warped(garment, mask, Alignment([], [], []), [])
    found = quality(Worn(image, image, mask, warped, mask, image))
    return {name: values.tolist() for name, values in found.items()}


def half() -> Tensor:
    """The mask of the left half."""
    mask = torch.zeros(1, 1, H, W)
    mask[..., : W // 2] = 1
    return mask


@pytest.mark.parametrize(
    ("shown", "agreement"),
    [
        ((1, 1, 1), 1.0),  # the garment itself
        ((-1, -1, -1), 0.0),  # its opposite
        ((0, 0, 0), 0.5),
        ((1, 1, -1), 2 / 3),  # right in two channels of three
    ],
)
def test_agreement_is_the_share_of_the_value_range_that_is_right(
    shown: tuple[int, int, int], agreement: float
) -> None:
    garment = torch.ones(1, 3, H, W)
    image = torch.tensor(shown).view(1, 3, 1, 1).expand(1, 3, H, W).float()
    assert scores(image, garment, half())["agreement"] == pytest.approx([agreement])


def test_only_what_is_under_the_mask_must_agree() -> None:
    garment = torch.ones(1, 3, H, W)
    elsewhere = garment * half() - (1 - half())
    assert scores(elsewhere, garment, half())["agreement"] == [1]


def test_the_area_is_a_share_of_the_picture_and_each_fake_has_its_own() -> None:
    garment, masks = torch.ones(2, 3, H, W), torch.cat([half(), half() / 2])
    found = scores(garment, garment, masks)
    assert found == {"finite": [1, 1], "area": [0.5, 0.25], "agreement": [1, 1]}


def test_a_single_pixel_that_is_no_number_is_told_of_its_own_fake() -> None:
    garment, image = torch.ones(2, 2, 3, H, W)
    image[1, 2, 0, 7] = float("nan")
    assert scores(image, garment, half().expand(2, 1, H, W))["finite"] == [1, 0]


def test_a_garment_that_is_nowhere_divides_by_no_zero() -> None:
    garment = torch.ones(1, 3, H, W)
    found = scores(-garment, garment, torch.zeros(1, 1, H, W))
    assert (found["area"], found["agreement"]) == ([0], [1])
