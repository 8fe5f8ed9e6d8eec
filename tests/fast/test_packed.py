"""Packed convolutions are the convolutions; what is relied on of torch's unnamed operators."""

import pytest
import torch
from torch import nn

from pfafn.fast.packed import Accumulate, Packed, can_pack, pack
from pfafn.fast.precision import ExactConv2d

pytestmark = pytest.mark.skipif(not can_pack(torch.float32), reason="torch was built without them")
H, W = 6, 10


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(3, 20, 3, padding=1, bias=False),
        nn.Conv2d(3, 20, 3, stride=2, padding=1),
        nn.Conv2d(3, 2, 1),
        nn.ConvTranspose2d(3, 20, 4, stride=2, padding=1),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_packed_it_is_the_same_convolution(conv: nn.Module, batch: int) -> None:
    x = torch.randn(batch, 3, H, W)
    found = Packed(conv)(x)
    torch.testing.assert_close(found, conv(x), atol=1e-5, rtol=0)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("activation", [nn.ReLU(inplace=True), nn.LeakyReLU(0.1)])
def test_the_activation_behind_it_is_part_of_it(activation: nn.Module) -> None:
    layers = nn.Sequential(
        nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 8, 3), activation, nn.Conv2d(8, 2, 3)
    ).eval()
    x = torch.randn(1, 3, H, W)
    expected = layers(x)
    pack(layers, torch.float32)
    assert [type(layer) for layer in layers] == [nn.BatchNorm2d, nn.ReLU, Packed, Packed]
    torch.testing.assert_close(layers(x), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("relu", [False, True])
@torch.inference_mode()
def test_accumulated_it_adds_to_the_total_in_place(relu: bool, dtype: torch.dtype) -> None:
    if not can_pack(dtype):
        pytest.skip("this CPU has no bfloat16")
    both = nn.ModuleList([Accumulate(nn.Conv2d(3, 8, 3, padding=1), relu=relu)]).to(dtype)
    x, total = (
        torch.randn(2, n, H, W).to(dtype, memory_format=torch.channels_last) for n in (3, 8)
    )
    expected = both[0].conv(x) + total
    expected = expected.relu() if relu else expected
    assert both[0](x, other := total.clone()) is other
    pack(both, dtype)
    assert both[0](x, total).data_ptr() == total.data_ptr()
    torch.testing.assert_close(total, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(other, expected, atol=1e-5, rtol=0)


@pytest.mark.skipif(not can_pack(torch.bfloat16), reason="this CPU has no bfloat16")
def test_it_computes_in_the_precision_of_its_weights() -> None:
    x = torch.randn(1, 3, H, W)
    with torch.autocast("cpu", torch.bfloat16):
        coarse, exact = Packed(nn.Conv2d(3, 4, 3).bfloat16())(x), Packed(ExactConv2d(3, 4, 3))(x)
    assert (coarse.dtype, exact.dtype) == (torch.bfloat16, torch.float32)


def test_what_lies_otherwise_in_memory_is_read_rightly() -> None:
    conv, x = nn.Conv2d(3, 4, 3), torch.randn(1, 6, 2 * H, W)
    part = x[:, ::2, ::2]
    torch.testing.assert_close(Packed(conv)(part), conv(part), atol=1e-5, rtol=0)


def test_other_precisions_are_not_packed() -> None:
    assert not can_pack(torch.float64)
