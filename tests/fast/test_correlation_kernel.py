"""The Triton kernels are the cost volume, in Triton's interpreter, and compile for every GPU."""

from collections.abc import Iterator
from types import ModuleType

import kernels
import pytest
import torch
from torch import Tensor

from pfafn.fast import correlation
from pfafn.fast.correlation import cost_volume
from pfafn.kit import machine

triton = pytest.importorskip("triton")

SHAPES = [(2, 5, 4, 3), (1, 70, 2, 37), (2, 64, 1, 16)]  # narrower than a block, ragged, exact


MODULE = "pfafn.fast.correlation_kernel"


@pytest.fixture(scope="module")
def interpreted() -> ModuleType:
    return kernels.interpreted(MODULE)


@pytest.fixture
def by_kernel(interpreted: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`cost_volume` computes as on a GPU."""
    monkeypatch.setattr(correlation, "_kernels", lambda features: interpreted)


def pair(*shape: int, dtype: torch.dtype = torch.double) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, *shape, dtype=dtype).requires_grad_().unbind(0)


def learnt(garment: Tensor, person: Tensor, radius: int) -> tuple[Tensor, ...]:
    """Costs, and what both features learn of some gradient."""
    costs = cost_volume(garment, person, radius)
    torch.manual_seed(1)
    return costs, *torch.autograd.grad(costs, (garment, person), torch.randn_like(costs))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_say_what_the_matrix_products_say(
    shape: tuple[int, ...],
    layout: torch.memory_format,
    interpreted: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    garment, person = (each.contiguous(memory_format=layout) for each in pair(*shape))
    expected = learnt(garment, person, 3)
    monkeypatch.setattr(correlation, "_kernels", lambda features: interpreted)
    for found, wanted in zip(learnt(garment, person, 3), expected, strict=True):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("radius", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_the_kernels_gradients_are_those_of_their_costs(by_kernel: None, radius: int) -> None:
    given = pair(1, 3, 3, 18)
    assert torch.autograd.gradcheck(lambda a, b: cost_volume(a, b, radius), given, fast_mode=True)


def test_sums_are_taken_in_float32(by_kernel: None) -> None:
    """2112 products of 1 and 1: a sum in float16 would end at 2048.

    The interpreter has no product of bfloat16; below, what is compiled for it is looked at.
    """
    ones = torch.ones(1, 2112, 2, 3, dtype=torch.float16)
    costs = cost_volume(ones, ones)
    assert costs.dtype == torch.float16
    assert costs[0, 24].tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's own
def test_a_compiled_network_can_contain_the_kernels(
    by_kernel: None, interpreted: ModuleType
) -> None:
    garment, person = (each.detach() for each in pair(1, 4, 2, 18))
    costs = cost_volume(garment, person)
    torch.library.opcheck(interpreted.cost_volume, (garment, person, 3))
    torch.library.opcheck(interpreted.gradient, (costs, person, 3, True))
    compiled = torch.compile(lambda a, b: 2 * cost_volume(a, b), backend="eager", fullgraph=True)
    with torch.inference_mode():
        assert torch.equal(compiled(garment, person), 2 * costs)


def test_kernels_are_used_where_triton_can_build_what_starts_them(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("sysconfig.get_config_var", {"INCLUDEPY": str(tmp_path)}.get)
    (tmp_path / "gcc").touch(0o755)
    assert not machine.has_triton()
    (tmp_path / "Python.h").touch()
    assert machine.has_triton()
    (tmp_path / "gcc").unlink()
    assert not machine.has_triton()
    monkeypatch.setenv("CC", "cc")
    assert machine.has_triton()


TENSORS = {"garment", "person", "costs", "grad", "other", "learnt"}


@pytest.mark.parametrize(("architecture", "precision"), [(75, "fp32"), (90, "bf16")])  # T4, H100
@pytest.mark.parametrize("kernel", ["_costs", "_gradient"])
def test_the_kernels_compile_for_a_gpu(
    kernel: str, precision: str, architecture: int, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    module = kernels.loaded(MODULE, "compiled_kernels")
    tiles = module._tiles(3)
    warps = tiles.pop("num_warps")
    fixed = {"RADIUS": 3, **tiles} | ({"OF_PERSON": True} if kernel == "_gradient" else {})
    tensors = dict.fromkeys(TENSORS, precision)
    made = kernels.compiled(getattr(module, kernel), fixed, tensors, architecture, warps)
    assert made.asm["cubin"]
    assert made.metadata.shared <= 48 * 1024  # bytes, what every block may have
    if precision == "bf16" and architecture == 90:
        assert "f32.bf16.bf16.f32" in made.asm["ptx"]  # on tensor cores, summed in float32
