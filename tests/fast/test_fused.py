"""What is fused for a GPU is the convolutions and their ReLUs; torch's operator is stood in for."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.fast import fused
from pfafn.fast.deploy import deploy
from pfafn.fast.fused import Affine, Fused, FusedAccumulate, fuse
from pfafn.fast.packed import Accumulate
from pfafn.fast.precision import ExactConv2d
from pfafn.models.tryon import TryOnNet

H, W = 6, 10


@pytest.fixture(autouse=True)
def _on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuDNN's two operators by their definition."""

    def conv(x: Tensor, weight: Tensor, bias: Tensor, *how: object) -> Tensor:
        return F.conv2d(x, weight, bias, *how).relu()

    def conv_add(
        x: Tensor, weight: Tensor, added: Tensor, share: float, bias: Tensor, *how: object
    ) -> Tensor:
        return (F.conv2d(x, weight, bias, *how) + share * added).relu()

    monkeypatch.setattr(torch, "cudnn_convolution_relu", conv)
    monkeypatch.setattr(torch, "cudnn_convolution_add_relu", conv_add)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_relu_behind_a_convolution_becomes_part_of_it(stride: int, bias: bool) -> None:
    layers = nn.Sequential(
        nn.ReLU(), nn.Conv2d(3, 8, 3, stride=stride, padding=1, bias=bias), nn.ReLU(inplace=True),
        nn.Conv2d(8, 2, 1), nn.LeakyReLU(), ExactConv2d(2, 2, 3), nn.ReLU(),
    )  # fmt: skip
    x = torch.randn(2, 3, H, W)
    expected = layers(x)
    fuse(layers)
    kinds = [nn.ReLU, nn.ConstantPad3d, Fused, nn.Conv2d, Affine, ExactConv2d, nn.ReLU]
    assert [type(layer) for layer in layers] == kinds
    torch.testing.assert_close(layers(x), expected)


@torch.inference_mode()
def test_a_norm_before_a_relu_becomes_a_scale_and_a_shift() -> None:
    layers = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 2, 1)).eval()
    for values in (layers[0].weight, layers[0].bias, layers[0].running_mean):
        values.normal_()
    layers[0].running_var.uniform_(0.5, 2)
    x = torch.randn(2, 8, H, W)
    expected = layers(x)
    fuse(layers)
    assert [type(layer) for layer in layers] == [Affine, nn.Conv2d]
    torch.testing.assert_close(layers(x), expected)


@pytest.mark.parametrize("channels", [3, 8, 45, 49])
@torch.inference_mode()
def test_inputs_are_filled_up_to_a_multiple_of_eight_channels(channels: int) -> None:
    layers = nn.Sequential(nn.Conv2d(channels, 8, 3, padding=1), ExactConv2d(8, 2, 3))
    x = torch.randn(2, channels, H, W).contiguous(memory_format=torch.channels_last)
    expected = layers(x)
    fuse(layers)
    *filled, conv, _ = layers
    assert len(filled) == (channels != 8)
    assert conv.weight.shape[1] == -(-channels // 8) * 8
    assert all(each(x).is_contiguous(memory_format=torch.channels_last) for each in filled)
    torch.testing.assert_close(layers(x), expected)


def test_exact_ones_keep_their_inputs() -> None:
    layers = nn.Sequential(ExactConv2d(3, 2, 3))
    fuse(layers)
    assert layers[0].weight.shape[1] == 3


@pytest.mark.parametrize("relu", [True, False])
@torch.inference_mode()
def test_of_what_adds_to_a_total_the_relu_becomes_part(relu: bool) -> None:
    both = nn.ModuleList([Accumulate(nn.Conv2d(3, 8, 3, padding=1), relu=relu)])
    x, total = torch.randn(2, 3, H, W), torch.randn(2, 8, H, W)
    expected = both[0](x, total.clone())
    fuse(both)
    assert isinstance(both[0], FusedAccumulate) == relu
    torch.testing.assert_close(both[0](x, total.clone()), expected)


@torch.inference_mode()
def test_what_is_added_is_brought_to_the_precision_of_the_weights() -> None:
    conv = FusedAccumulate(Fused(nn.Conv2d(3, 8, 3, padding=1).bfloat16()), relu=True)
    assert conv(torch.randn(2, 3, H, W), torch.randn(2, 8, H, W)).dtype == torch.bfloat16


@torch.inference_mode()
def test_a_network_that_is_fused_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    net = TryOnNet("student", [4, 8, 8, 8, 8], 8, 4).eval()
    given = *torch.rand(2, 2, 3, 64, 96), torch.ones(2, 1, 64, 96)
    monkeypatch.setattr("pfafn.fast.deploy.can_pack", lambda dtype: False)
    plain = deploy(copy.deepcopy(net))
    fuse(net := copy.deepcopy(plain))
    assert sum(isinstance(module, Fused) for module in net.modules()) > 20
    found, expected = net.wear(*given), plain.wear(*given)
    torch.testing.assert_close(found.image, expected.image)
    torch.testing.assert_close(found.warped.alignment.grid, expected.warped.alignment.grid)


@pytest.mark.parametrize("stride", [1, 2])
@torch.inference_mode()
def test_a_compiled_network_can_contain_them(stride: int) -> None:
    conv = Fused(nn.Conv2d(3, 8, 3, stride=stride, padding=1))
    x = torch.randn(2, 3, H, 9).contiguous(memory_format=torch.channels_last)
    given = x, conv.weight, conv.bias, None, stride, 1
    torch.library.opcheck(fused.conv_relu, given, test_utils=("test_schema", "test_faketensor"))
    compiled = torch.compile(conv, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), conv(x))


@torch.inference_mode()
def test_where_there_is_no_such_kernel_it_is_computed_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conv, x = Fused(nn.Conv2d(3, 8, 3, padding=1)), torch.randn(2, 3, H, W)
    added = torch.randn(2, 8, H, W)
    expected = conv(x), conv(x, added)

    def refuse(*given: object) -> Tensor:
        raise RuntimeError("no valid execution plans")

    for name in ("cudnn_convolution_relu", "cudnn_convolution_add_relu"):
        monkeypatch.setattr(torch, name, refuse)
    torch.testing.assert_close((conv(x), conv(x, added)), expected)


@torch.inference_mode()
def test_that_memory_ran_out_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch, "cudnn_convolution_relu", full)
    with pytest.raises(torch.OutOfMemoryError):
        Fused(nn.Conv2d(3, 8, 3))(torch.randn(1, 3, H, W))
