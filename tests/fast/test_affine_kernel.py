"""Scale, shift and activation by a kernel, in Triton's interpreter, and compiled for every GPU."""

from contextlib import nullcontext
from types import ModuleType

import kernels
import pytest
import torch

from pfafn.fast.fused import defined

pytest.importorskip("triton")

MODULE = "pfafn.fast.affine_kernel"
SHAPES = [(2, 5, 4, 7), (1, 70, 3, 5), (1, 64, 8, 8)]  # fewer channels than a block, ragged, exact


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(torch.cuda, "device_of", lambda tensor: nullcontext())
    return kernels.interpreted(MODULE)


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_what_it_is_defined_as(
    shape: tuple[int, ...], layout: torch.memory_format, slope: float, module: ModuleType
) -> None:
    x = torch.randn(shape).contiguous(memory_format=layout)
    given = x, torch.randn(shape[1]), torch.randn(shape[1]), slope
    made = module.affine(*given, torch.float32)
    torch.testing.assert_close(made, defined(*given, torch.float32))
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_it_computes_in_float32_and_rounds_once(module: ModuleType) -> None:
    x = torch.full((1, 1, 1, 1), 256.0).half()
    made = module.affine(x, torch.tensor([256.0]), torch.tensor([-65000.0]), 0.0, torch.float16)
    assert made.item() == 536  # 256 * 256 is more than float16 holds


@pytest.mark.parametrize(("architecture", "precision"), [(75, "fp32"), (90, "bf16")])  # T4, H100
def test_it_compiles_for_a_gpu(
    precision: str, architecture: int, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    module = kernels.loaded(MODULE, "compiled_affine")
    tensors = {"x": precision, "made": precision, "scale": "fp32", "shift": "fp32"}
    fixed = {"PLACES": module.PLACES, "CHANNELS": module.CHANNELS}
    made = kernels.compiled(module._affine, fixed, tensors, architecture)
    assert made.asm["cubin"]
