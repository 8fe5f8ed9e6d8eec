"""Rewritten for inference, a network says what it said before."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.fast.deploy import MergedPyramid, deploy, doubling, fold_doubling
from pfafn.fast.doubling import ExactDoublingConv2d
from pfafn.fast.packed import can_pack
from pfafn.fast.precision import ExactConv2d
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import Pyramid

H, W = 64, 96
NEAR = {"atol": 1e-4, "rtol": 0}


def lively(role: str = "student", **beyond: bool) -> TryOnNet:
    """A network as if trained: norms with statistics of their own, flows of some pixels."""
    torch.manual_seed(3)
    net = TryOnNet(role, [4, 8, 12, 12, 12], 8, 4, **beyond).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                nn.init.uniform_(values, 0.5, 2)
            for values in (module.bias, module.running_mean):
                nn.init.uniform_(values, -0.5, 0.5)
    for head in (*net.warp.flow.match, *net.warp.flow.refine):
        nn.init.uniform_(head[-1].bias, -3, 3)
    return net.requires_grad_(False)


def inputs(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """person, garment, mask."""
    torch.manual_seed(4)
    person, garment = torch.rand(2, batch, 3, H, W) * 2 - 1
    mask = (torch.rand(batch, 1, H, W) > 0.3).float()
    return person, garment * mask, mask


@torch.inference_mode()
def test_a_deployed_student_dresses_as_before() -> None:
    net = lively()
    before, after = net.wear(*inputs()), deploy(copy.deepcopy(net)).wear(*inputs())
    for name in ("image", "rendered", "mask"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name), **NEAR)
    for name in ("grids", "match", "refine"):
        of_before = getattr(before.warped.alignment, name)
        for a, b in zip(getattr(after.warped.alignment, name), of_before, strict=True):
            torch.testing.assert_close(a, b, **NEAR)


@torch.inference_mode()
def test_deployed_it_keeps_as_much_and_finds_the_same_skin() -> None:
    net = lively(keep=True, tone=True, tone_above=True)
    before, after = net.wear(*inputs()), deploy(copy.deepcopy(net)).wear(*inputs())
    for name in ("image", "rendered", "keep"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name), **NEAR)
    for found, expected in zip(after.tone, before.tone, strict=True):
        torch.testing.assert_close(found, expected, **NEAR)


@torch.inference_mode()
def test_a_network_that_was_in_training_is_deployed_by_its_statistics() -> None:
    net = lively()
    before, after = net.warp(*inputs()), deploy(copy.deepcopy(net).train()).warp(*inputs())
    for level, expected in zip(after.person, before.person, strict=True):
        torch.testing.assert_close(level, expected, **NEAR)


@torch.inference_mode()
def test_a_deployed_tutor_warps_and_draws_as_before() -> None:
    net, (person, garment, mask) = lively("tutor"), inputs()
    condition = torch.rand(2, 45, H, W)
    found = []
    for each in (net, deploy(copy.deepcopy(net))):
        found.append(each.render(person, each.warp(condition, garment, mask), mask).image)
    torch.testing.assert_close(*found, **NEAR)


@torch.inference_mode()
def test_a_warp_network_alone_is_deployed_too() -> None:
    net = lively()
    net.generator = None
    before, after = net.warp(*inputs()), deploy(copy.deepcopy(net)).warp(*inputs())
    torch.testing.assert_close(after.garment, before.garment, **NEAR)


def test_deployed_no_norm_is_left_behind_a_convolution_and_nothing_learns() -> None:
    net = deploy(lively())
    norms = [m.num_features for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    # Of each encoder level, those before the first convolution of its three blocks.
    assert sorted(norms) == sorted(2 * [3, 4, 4, 4, 8, 8, 8, 12, 12, 12, 12, 12, 12, 12, 12])
    assert not any(isinstance(m, nn.Upsample) for m in net.modules())
    assert not any(p.requires_grad for p in net.parameters())


@torch.inference_mode()
def test_deployed_for_bfloat16_flow_and_colour_stay_exact() -> None:
    net = deploy(lively(), dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        worn = net.wear(*inputs())
    # What the layers say: in a grid and in the image it meets what is exact anyway.
    said = [worn.rendered, *worn.warped.alignment.match, *worn.warped.alignment.refine]
    assert {each.dtype for each in said} == {torch.float32}
    assert (worn.image - lively().wear(*inputs()).image).abs().mean() < 0.02


@torch.inference_mode()
def test_what_is_known_of_a_person_and_a_garment_serves_again() -> None:
    """What computes in its inputs' memory must not reach the features that a gallery keeps."""
    net, (person, garment, mask) = deploy(lively()), inputs()
    pyramid, known = net.warp.encode_person(person), net.warp.encode_garment(garment)
    seen = net.warp.flow.ahead(pyramid)
    once, again, anew = (
        net.warp.align(each, known, garment, mask).alignment for each in (seen, seen, pyramid)
    )
    assert all(map(torch.equal, once.refine, again.refine))
    for expected, found in zip(once.refine, anew.refine, strict=True):
        torch.testing.assert_close(found, expected, **NEAR)


def test_a_heavy_filter_stays_as_it_is() -> None:
    """512 to 512 channels are 9 MiB in float32, half of that in bfloat16."""
    kinds = {torch.float32: [nn.Upsample, nn.Conv2d], torch.bfloat16: [nn.ConvTranspose2d]}
    for dtype, expected in kinds.items():
        layers = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(512, 512, 3, padding=1))
        fold_doubling(layers, dtype)
        assert [type(layer) for layer in layers] == expected


@pytest.mark.parametrize("kind", [nn.Conv2d, ExactConv2d])
def test_doubling_is_nearest_upsampling_and_convolution_up_to_the_border(kind: type) -> None:
    torch.manual_seed(0)
    conv, x = kind(3, 5, 3, padding=1), torch.randn(2, 3, 4, 7)
    expected = conv(F.interpolate(x, scale_factor=2, mode="nearest"))
    torch.testing.assert_close(doubling(conv)(x), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("lowered", [False, True])
def test_a_doubling_convolution_is_both_in_full_precision_and_learns_as_both(lowered: bool) -> None:
    torch.manual_seed(0)
    own = ExactDoublingConv2d(3, 5, 3).double()
    conv = nn.Conv2d(3, 5, 3, padding=1).double()
    conv.load_state_dict(own.state_dict())
    x = torch.randn(2, 3, 4, 7, dtype=torch.double, requires_grad=True)
    expected = conv(F.interpolate(x, scale_factor=2, mode="nearest"))
    with torch.autocast("cpu", torch.bfloat16, enabled=lowered):
        found = own(x)
    torch.testing.assert_close(found, expected)
    grad = torch.randn_like(expected)
    ours = torch.autograd.grad(found, (x, own.weight, own.bias), grad)
    wanted = torch.autograd.grad(expected, (x, conv.weight, conv.bias), grad)
    torch.testing.assert_close(ours, wanted)


def test_a_merged_pyramid_is_the_pyramid_up_to_the_border() -> None:
    torch.manual_seed(0)
    pyramid = Pyramid([2, 4, 9], 8)  # the widest is not worth it
    features = [torch.randn(2, c, 8 // s, 12 // s) for c, s in ((2, 1), (4, 2), (9, 4))]
    merged = MergedPyramid(copy.deepcopy(pyramid))
    assert set(merged.merged) == {"1", "2"}
    for a, b in zip(merged(features), pyramid(features), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_where_nothing_can_be_packed_it_dresses_as_before(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setattr("pfafn.fast.deploy.can_pack", lambda _: False)
    net = lively()
    after = deploy(copy.deepcopy(net), "cpu", dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = after.wear(*inputs(1)).image
    atol = 1e-4 if dtype == torch.float32 else 0.5
    torch.testing.assert_close(found.float(), net.wear(*inputs(1)).image, atol=atol, rtol=0)
    held = {layer.weight.dtype for layer in after.modules() if isinstance(layer, nn.Conv2d)}
    assert held == {torch.float32, dtype}  # flows and colours are exact


@pytest.mark.parametrize(
    ("there", "halves", "dtype", "can"),
    [
        (True, True, torch.bfloat16, True),
        (True, False, torch.bfloat16, False),
        (True, False, torch.float32, True),
        (True, True, torch.float16, False),
        (False, True, torch.float32, False),
    ],
)
def test_what_is_packed_is_what_the_cpu_and_torch_can(
    monkeypatch: pytest.MonkeyPatch, there: bool, halves: bool, dtype: torch.dtype, can: bool
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: there)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: halves)
    assert can_pack(dtype) is can
