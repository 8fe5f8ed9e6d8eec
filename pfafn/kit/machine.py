"""Where and how fast to compute: never a param, for it must not change what comes out.

PFAFN_DEVICE = auto | cpu | cuda[:i]; PFAFN_PRECISION = auto | fp32 | bf16; PFAFN_PROCESSES = auto |
how many processes train together; PFAFN_WORKERS = auto | loader processes of each;
PFAFN_RECOMPUTE = 1 to train in less memory; PFAFN_GRAPH = auto | 0 to record what a GPU does again
and again, and not to wait for it; PFAFN_COMPILE = auto | 0 | 1 to let torch.compile make
networks faster, after minutes; and, between two resume points, PFAFN_CHECKPOINT_SECONDS = wall
time, PFAFN_CHECKPOINT_STEPS = steps. Who else does the work: `pfafn.workers.crew` and
`pfafn.workers.cluster`, which need no torch.
"""

import os
import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import torch

from pfafn.kit.errors import UserError

PAYS = 10_000  # steps from which minutes of compiling are less than they save


class RuntimeSettingError(UserError, ValueError):
    """An environment variable cannot be used; the message names it, its value and the choices."""


def device() -> torch.device:
    """PFAFN_DEVICE; auto takes the first GPU if there is one."""
    wanted = os.environ.get("PFAFN_DEVICE", "auto")
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted != "cpu" and not (wanted == "cuda" or wanted.removeprefix("cuda:").isdigit()):
        raise RuntimeSettingError(f"PFAFN_DEVICE is {wanted!r}, expected auto, cpu, cuda or cuda:N")
    if wanted != "cpu" and not torch.cuda.is_available():
        raise RuntimeSettingError(f"PFAFN_DEVICE is {wanted!r}, but torch sees no GPU here")
    return torch.device(wanted)


def precision(on: torch.device) -> torch.dtype:
    """PFAFN_PRECISION; auto is bfloat16 on devices that compute it faster, float32 elsewhere."""
    wanted = os.environ.get("PFAFN_PRECISION", "auto")
    if wanted == "auto":
        return torch.bfloat16 if has_fast_bfloat16(on) else torch.float32
    choices = {"fp32": torch.float32, "bf16": torch.bfloat16}
    if wanted not in choices:
        raise RuntimeSettingError(f"PFAFN_PRECISION is {wanted!r}, expected auto, fp32 or bf16")
    return choices[wanted]


def kind(on: torch.device) -> str:
    """The kind of a device: two of one kind round alike."""
    gpu = on.type == "cuda"
    return torch.cuda.get_device_name(on) if gpu else torch.backends.cpu.get_cpu_capability()


def rounding() -> dict[str, str | int]:
    """What the last bits of a result depend on, beside inputs, params, code and libraries.

    Kind of device, precision and, on a CPU, the number of threads, among which sums are split.
    """
    on = device()
    told = {"device": kind(on), "precision": str(precision(on)).removeprefix("torch.")}
    return told | ({} if on.type == "cuda" else {"threads": torch.get_num_threads()})


def has_fast_bfloat16(on: torch.device) -> bool:
    """Whether the device has instructions for bfloat16; emulated, it would be slower."""
    if on.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # torch has no public question for these two.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def repeat() -> None:
    """Let this process compute the same bits again from the same numbers, on a CPU.

    It retunes torch for good: only a command that starts may do so.
    """
    if device().type == "cpu":
        torch.use_deterministic_algorithms(True)
        # This would write every new tensor twice, to show reads of memory that nothing has set.
        torch.utils.deterministic.fill_uninitialized_memory = False


def workers() -> int:
    """PFAFN_WORKERS: loader processes beside the trainer; auto, the default: none on few cores."""
    if os.environ.get("PFAFN_WORKERS", "auto") == "auto":
        return 0 if (os.cpu_count() or 1) <= 2 else 4
    return count("PFAFN_WORKERS", 0)


def records(on: torch.device) -> bool:
    """PFAFN_GRAPH: whether what is done there again and again is recorded; auto: on a GPU."""
    wanted = os.environ.get("PFAFN_GRAPH", "auto")
    if wanted not in ("auto", "0"):
        raise RuntimeSettingError(f"PFAFN_GRAPH is {wanted!r}, expected auto or 0")
    return wanted == "auto" and on.type == "cuda"


def has_triton() -> bool:
    """Whether Triton is here, as with torch for CUDA, and what it builds the start of a kernel by.

    That is a C compiler and Python's headers, which small images lack.
    """
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    headers = Path(sysconfig.get_config_var("INCLUDEPY") or "", "Python.h").is_file()
    return bool(find_spec("triton") and compiler and headers)


def compiles(calls: int) -> bool:
    """PFAFN_COMPILE: whether to compile what is called so often; auto: on a GPU, where it pays."""
    wanted, gpu = os.environ.get("PFAFN_COMPILE", "auto"), device().type == "cuda"
    choices = {"auto": gpu and calls >= PAYS and has_triton(), "0": False, "1": True}
    if wanted not in choices:
        raise RuntimeSettingError(f"PFAFN_COMPILE is {wanted!r}, expected auto, 0 or 1")
    if choices[wanted] and not gpu:
        raise RuntimeSettingError("PFAFN_COMPILE is 1, but on a CPU it gains nothing: unset it")
    if choices[wanted] and not has_triton():
        raise RuntimeSettingError(
            "PFAFN_COMPILE is 1, but Triton, a C compiler or Python's headers are missing here"
        )
    return choices[wanted]


def processes() -> int | None:
    """PFAFN_PROCESSES: how many processes train together on this machine; None for auto.

    auto is one for each GPU, or as many of them as can share a batch evenly.
    """
    if os.environ.get("PFAFN_PROCESSES", "auto") == "auto":
        return None
    return max(1, count("PFAFN_PROCESSES", 1))


def count(name: str, default: int) -> int:
    """A non-negative whole number from the environment."""
    value = os.environ.get(name, str(default))
    if not value.isdigit():
        raise RuntimeSettingError(f"{name} is {value!r}, expected a whole number of 0 or more")
    return int(value)


def autocast(device: torch.device, dtype: torch.dtype | None = None) -> torch.autocast:
    """Context that computes in a precision, by default the device's."""
    lower = (dtype or precision(device)) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=lower)
