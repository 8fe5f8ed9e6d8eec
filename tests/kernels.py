"""Triton kernels without a GPU: in the interpreter, and compiled for GPUs that are not here."""

import importlib.util
from types import ModuleType
from typing import Any

import pytest


def loaded(module: str, name: str) -> ModuleType:
    """A copy of a module of its own: Triton decides at import how its kernels run."""
    spec = importlib.util.find_spec(module)
    spec = importlib.util.spec_from_file_location(name, spec.origin)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def interpreted(module: str) -> ModuleType:
    """The module, its kernels for a CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        return loaded(module, f"interpreted_{module.rsplit('.', 1)[-1]}")


def compiled(
    function: Any, fixed: dict[str, Any], tensors: dict[str, str], architecture: int, warps: int = 4
) -> Any:
    """A kernel for an NVIDIA GPU of that compute capability.

    fixed: its constants; tensors: the precision of each argument that points to one.
    """
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature = {
        name: "constexpr" if name in fixed else f"*{tensors[name]}" if name in tensors else "i32"
        for name in function.arg_names
    }
    return triton.compile(
        ASTSource(function, signature, constexprs=fixed),
        target=GPUTarget("cuda", architecture, 32), options={"num_warps": warps},
    )  # fmt: skip
