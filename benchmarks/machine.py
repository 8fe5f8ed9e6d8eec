"""The machine: what it is, and how fast it is at best, measured in the same run."""

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.rows import Row
from benchmarks.timing import Spread, interleaved
from benchmarks.variants import PRECISIONS

SIDE = {"cpu": 2048, "cuda": 8192}  # of the square matrices
COPIED = 256 * 2**20  # bytes
LEVEL = (256, 128, 96)  # channels, height, width of the finest level at 256x192


def describe(device: torch.device) -> dict[str, Any]:
    """Processor, cores, threads, versions and commit."""
    return {
        "cpu": processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": commit(),
    }


def processor() -> str:
    """Its name, as Linux tells it."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def commit() -> str:
    """The commit, with a + if files differ from it; unknown where git knows none."""
    if not shutil.which("git"):
        return "unknown"
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"


@torch.inference_mode()
def ceilings(device: torch.device, rounds: int) -> tuple[list[Row], dict[str, float]]:
    """Rows, and per precision the most FLOP per second that a large product or convolution got."""
    found, best = [], {}
    for dtype, name in PRECISIONS.items():
        side = SIDE[device.type]
        matrix = torch.randn(side, side, device=device).to(dtype)
        features, weight = (
            torch.randn(shape, device=device).to(dtype, memory_format=torch.channels_last)
            for shape in ((1, *LEVEL), (LEVEL[0], LEVEL[0], 3, 3))
        )
        work = {
            f"matrix product, {side}": (2 * side**3, lambda m=matrix: m @ m),
            f"3x3 convolution, {'x'.join(map(str, LEVEL))}": (
                18 * LEVEL[0] ** 2 * LEVEL[1] * LEVEL[2],
                lambda x=features, w=weight: F.conv2d(x, w, padding=1),
            ),
        }
        taken = interleaved({case: run for case, (_, run) in work.items()}, rounds, device)
        for case, times in taken.items():
            rate = work[case][0] / Spread.of(times).median
            best[name] = max(best.get(name, 0.0), rate)
            found.append(ceiling(case, name, times, f"{rate / 1e9:.0f} GFLOP/s"))
    source = torch.ones(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times = interleaved({"copy": lambda: target.copy_(source)}, rounds, device)["copy"]
    speed = 2 * COPIED / Spread.of(times).median
    found.append(ceiling("copy, 256 MiB", "bytes", times, f"{speed / 1e9:.1f} GB/s read + written"))
    return found, best


def ceiling(case: str, variant: str, times: list[float], note: str) -> Row:
    return Row("This machine's ceiling", case, variant, "s", Spread.of(times), None, note)
