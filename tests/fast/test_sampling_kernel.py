"""The Triton kernels sample as warping does, in Triton's interpreter, and compile for every GPU."""

from contextlib import nullcontext
from types import ModuleType

import kernels
import pytest
import torch
from torch import Tensor

from pfafn.fast import sampling
from pfafn.fast.sampling import sample
from pfafn.models.geometry import warp

pytest.importorskip("triton")

MODULE = "pfafn.fast.sampling_kernel"
SHAPES = [(2, 5, 4, 7), (1, 70, 3, 5), (1, 64, 6, 8)]  # fewer channels than a block, ragged, exact
H, W = 6, 9


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return kernels.interpreted(MODULE)


@pytest.fixture
def by_kernel(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sample` computes as on a GPU."""
    monkeypatch.setattr(sampling, "_kernels", lambda source: module)
    monkeypatch.setattr(torch.cuda, "device_of", lambda tensor: nullcontext())


def places(batch: int, dtype: torch.dtype = torch.double) -> Tensor:
    """Inside, beyond the border, and on it to the bit."""
    grid = torch.rand(batch, 2, H, W, dtype=dtype) * 3 - 1.5
    grid[:, :, 0], grid[:, :, 1] = 1, -1
    return grid


@pytest.mark.usefixtures("by_kernel")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES)
def test_they_sample_and_teach_as_warping(
    shape: tuple[int, ...], layout: torch.memory_format
) -> None:
    source, grid = torch.randn(shape, dtype=torch.double), places(shape[0])
    wanted = torch.randn(*shape[:2], H, W, dtype=torch.double)
    found = []
    for how in (sample, warp):
        given = source.clone(memory_format=layout).requires_grad_(), grid.clone().requires_grad_()
        sampled = how(*given)
        (sampled * wanted).sum().backward()
        found.append((sampled.detach(), *(each.grad for each in given)))
    for own, expected in zip(*found, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("by_kernel")
def test_what_is_no_place_is_the_first_one_and_teaches_no_place() -> None:
    source = torch.randn(1, 3, 4, 7, requires_grad=True)
    grid = torch.full((1, 2, 1, 1), torch.nan, requires_grad=True)
    sampled = sample(source, grid)
    torch.testing.assert_close(sampled[..., 0, 0], source[..., 0, 0])
    sampled.sum().backward()
    assert torch.equal(grid.grad, torch.zeros_like(grid))
    assert source.grad.isfinite().all()


@pytest.mark.usefixtures("by_kernel")
def test_of_coarse_features_the_places_and_sums_stay_exact() -> None:
    ramp = torch.arange(512.0).expand(1, 1, 2, 512).half().requires_grad_()
    grid = torch.zeros(1, 2, 1, 1)
    grid[0, 0] = 2 * 130 / 511 - 1
    assert sample(ramp, grid).item() == 130
    told = torch.tensor([2048.0, 1, 1]).half()  # a sum in float16 would end at 2048
    (sample(ramp, grid.expand(1, 2, 1, 3)) * told).sum(dtype=torch.float32).backward()
    assert ramp.grad[0, 0, :, 130].sum().item() == 2050


@pytest.mark.usefixtures("by_kernel")
def test_features_keep_their_precision_and_lie_as_convolutions_want_them() -> None:
    sampled = sample(torch.randn(1, 8, 4, 6).half(), torch.zeros(1, 2, H, W))
    assert sampled.dtype == torch.float16
    assert sampled.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.usefixtures("by_kernel")
def test_a_compiled_network_can_contain_them(module: ModuleType) -> None:
    source, grid = torch.randn(2, 5, 4, 7), places(2, torch.float32)
    tests = ("test_schema", "test_faketensor")
    torch.library.opcheck(module.sample, (source, grid), test_utils=tests)
    grad = torch.randn(2, 5, H, W)
    torch.library.opcheck(module.gradient, (grad, source, grid), test_utils=tests)


@pytest.mark.parametrize(("architecture", "precision"), [(75, "fp32"), (90, "bf16")])  # T4, H100
@pytest.mark.parametrize("kernel", ["_sample", "_gradient"])
def test_they_compile_for_a_gpu(
    kernel: str, precision: str, architecture: int, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    module = kernels.loaded(MODULE, "compiled_sampling")
    tensors = dict.fromkeys(("source", "sampled", "grad"), precision)
    tensors |= dict.fromkeys(("grid", "of_source", "of_grid"), "fp32")
    fixed = {"PLACES": module.PLACES, "CHANNELS": module.CHANNELS}
    made = kernels.compiled(getattr(module, kernel), fixed, tensors, architecture)
    assert made.asm["cubin"]
    assert made.metadata.shared <= 48 * 1024
