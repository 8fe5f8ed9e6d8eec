"""What a switch turns on computes what it computes when it is off; and what it gives, and costs.

A switch more is a line more: in TRYON, of one try-on; in STEPS, of a step of a training.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks import compiled
from benchmarks.gpu.findings import Check, Found
from benchmarks.gpu.parity import within
from benchmarks.gpu.scale import scale_of
from benchmarks.gpu.trainings import STAGE, compared, train
from benchmarks.inference import inputs, whole
from benchmarks.subject import network
from benchmarks.timing import Spread, interleaved
from benchmarks.variants import PRECISIONS, networks
from pfafn.kit import machine

Wear = Callable[[], Tensor]
FIRST_CALLS = 3


def graph(wear: Wear) -> Wear:
    """As one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(FIRST_CALLS):
            wear()
    torch.cuda.current_stream().wait_stream(side)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        image = wear()

    def replay() -> Tensor:
        recorded.replay()
        return image

    return replay


def compile_(wear: Wear) -> Wear:
    """On a CPU only read, and run as it was read: compiling there takes minutes."""
    backend = "inductor" if machine.device().type == "cuda" else "eager"
    return torch.compile(wear, backend=backend, dynamic=False)


TRYON: dict[str, Callable[[Wear], Wear]] = {"graph": graph, "compiled": compile_}
GPU_ALONE = ("graph",)
STEPS: dict[str, dict[str, str]] = {"recomputed": {"PFAFN_RECOMPUTE": "1"}}


def checks(device: torch.device) -> Iterator[Check]:
    for name, switch in TRYON.items():
        if name in GPU_ALONE and device.type != "cuda":
            yield f"try-on, {name}", lambda: Found("there is none on a CPU")
        else:
            yield f"try-on, {name}", partial(tryon, switch, device)
    for name, environment in STEPS.items():
        yield f"steps of {STAGE}, {name}", partial(steps, environment)


def tryon(switch: Callable[[Wear], Wear], device: torch.device) -> Found:
    """One picture in the device's precision, against eager; seconds until it is ready."""
    variant = PRECISIONS[machine.precision(device)]
    scale = scale_of(device)
    nets = networks(network("student", scale.widths), device, (variant,))
    wear = whole(nets, inputs(1, scale.size, device))[variant]
    expected = wear().clone()
    with compiled.empty_cache():
        began = time.perf_counter()
        other = switch(wear)
        found = [other().clone().cpu() for _ in range(FIRST_CALLS)][-1]  # waits for a GPU
        ready = time.perf_counter() - began
        taken = interleaved({"off": wear, "on": other}, scale.gallery_rounds, device)
    off, on = (1000 * Spread.of(taken[name]).median for name in ("off", "on"))
    same = within(found, expected, 0.1, 2e-3)
    told = f"; {off:.2f} ms without, {on:.2f} ms with it, ready after {ready:.1f} s"
    return same._replace(told=same.told + told, numbers=same.numbers | {"off_ms": off, "on_ms": on})


def steps(environment: dict[str, str]) -> Found:
    """The losses of a small training with it, against those without."""
    with tempfile.TemporaryDirectory() as work, patch.dict(os.environ, environment):
        return compared(train(Path(work)))
