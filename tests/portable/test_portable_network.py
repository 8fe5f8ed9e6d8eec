"""What is said otherwise for ONNX: the same numbers as the definitions."""

import copy

import pytest
import torch

from pfafn.models import correlation, geometry
from pfafn.models.tryon import TryOnNet
from pfafn.photos.warping import Drawn
from pfafn.portable.export import OUTSIDE, pictures
from pfafn.portable.network import Portable, cost_volume, sample, values

SIZE = (64, 96)
RADIUS = 3


@pytest.mark.parametrize("width", [2, 6, 17, 24, 48])
def test_costs_are_those_of_the_definition(width: int) -> None:
    torch.manual_seed(1)
    garment, person = torch.randn(2, 2, 5, 4, width)
    expected = correlation.cost_volume(garment, person, RADIUS)
    torch.testing.assert_close(cost_volume(garment, person, RADIUS), expected)


@pytest.mark.parametrize("reach", [0.3, 1, 3])
def test_sampling_is_that_of_the_definition_also_outside_the_picture(reach: float) -> None:
    torch.manual_seed(2)
    source, grid = torch.randn(2, 3, 5, 8), reach * (2 * torch.rand(2, 2, 6, 7) - 1)
    torch.testing.assert_close(sample(source, grid), geometry.warp(source, grid))


def test_on_the_borders_it_is_the_border_itself() -> None:
    source = torch.randn(1, 2, 5, 8)
    corners = torch.tensor([[[-1.0, 1.0], [-1.0, 1.0]], [[-1.0, -1.0], [1.0, 1.0]]])[None]
    torch.testing.assert_close(sample(source, corners), source[..., ::4, ::7])


@pytest.mark.parametrize(("outside", "beyond"), [(0, False), (OUTSIDE, False), (0, True)])
def test_bytes_in_and_out_are_the_students_try_on(outside: float, beyond: bool) -> None:
    torch.manual_seed(3)
    net = TryOnNet("student", [4] * 5, 8, 4, keep=beyond, tone=beyond, tone_above=beyond).eval()
    with torch.no_grad():
        net.warp.flow.refine[-1][-1].bias += outside * SIZE[1]
    person, garment, mask = map(torch.from_numpy, pictures(2, SIZE))
    solid = (mask > 0).float()[:, None]
    with torch.no_grad():
        worn = net.wear(values(person), values(garment) * solid, solid)
        *made, exact = Portable(copy.deepcopy(net))(person, garment, mask)
    image, behind, composition, shares, grid = Drawn(*made)
    torch.testing.assert_close(exact, worn.image, atol=1e-5, rtol=0)
    off = image.movedim(-1, 1).float() / 127.5 - 1 - worn.image
    assert off.abs().max() < 1 / 255 + 1e-4  # half a shade
    off = behind.movedim(-1, 1).float() / 127.5 - 1 - worn.behind
    assert off.abs().max() < 1 / 255 + 1e-4
    torch.testing.assert_close(grid, worn.warped.alignment.grid, atol=1e-4, rtol=0)
    assert (composition / 255 - worn.composition[:, 0]).abs().max() < 0.5 / 255 + 1e-4
    assert (shares[..., 0] / 255 - worn.mask[:, 0]).abs().max() < 0.5 / 255 + 1e-4
    assert shares.shape[-1] == 1 + beyond
    if beyond:
        new = 1 - worn.keep * (1 - worn.mask)
        assert (shares[..., 1] / 255 - new[:, 0]).abs().max() < 0.5 / 255 + 1e-4


def test_every_byte_is_the_number_that_training_made_of_it() -> None:
    from pfafn.photos.tensors import VALUES

    row = torch.arange(256, dtype=torch.uint8).view(1, 1, 256, 1).expand(1, 1, 256, 3)
    assert torch.equal(values(row)[0, 0, 0], torch.from_numpy(VALUES))
