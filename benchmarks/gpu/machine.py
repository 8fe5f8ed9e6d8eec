"""What there is: device, versions, and which roundings it may choose."""

from collections.abc import Iterator

import torch

from benchmarks.gpu.findings import Check, Found
from benchmarks.machine import describe
from pfafn.fast.correlation import TRITON
from pfafn.kit import machine


def checks(device: torch.device) -> Iterator[Check]:
    yield "device", lambda: Found(machine.kind(device), numbers=described(device))
    yield "versions", lambda: Found(", ".join(f"{k} {v}" for k, v in describe(device).items() if v))
    yield "precision", lambda: Found(f"{machine.precision(device)} by default")
    yield "TF32", lambda: Found(tf32())
    yield "Triton", lambda: Found(
        "compiles kernels here" if TRITON else "no kernels: Triton, a C compiler or Python's "
        "headers are missing"
    )  # fmt: skip


def described(device: torch.device) -> dict:
    if device.type != "cuda":
        return describe(device)
    free, total = torch.cuda.mem_get_info(device)
    capability = "sm_{}{}".format(*torch.cuda.get_device_capability(device))
    mib = {"free_mib": free >> 20, "total_mib": total >> 20}
    return describe(device) | mib | {"capability": capability}


def tf32() -> str:
    """Where float32 products may be rounded to 10 bits, as this process has it."""
    may = {True: "may be", False: "are not"}
    convolutions = may[torch.backends.cudnn.allow_tf32]
    products = may[torch.backends.cuda.matmul.allow_tf32]
    return f"convolutions {convolutions} rounded to it, matrix products {products}"
