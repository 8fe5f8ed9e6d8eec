"""What a switch turns on computes what it computes when it is off; and what it gives, and costs.

A switch more is a line more: in TRYON, of one try-on; in STEPS, of a step of a training, by what
the environment says.
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

from benchmarks.compiled import FIRST_CALLS, empty_cache, image
from benchmarks.gpu.findings import Check, Found
from benchmarks.gpu.parity import within
from benchmarks.gpu.scale import scale_of
from benchmarks.gpu.trainings import compared, straight, train
from benchmarks.inference import inputs, whole
from benchmarks.subject import network
from benchmarks.timing import Spread, interleaved
from benchmarks.variants import PRECISIONS, Networks, networks
from pfafn.fast.graph import Recorded
from pfafn.kit import machine

Wear = Callable[[], Tensor]
Switch = Callable[[Networks, str, list[Tensor]], Wear]


def recorded(nets: Networks, variant: str, given: list[Tensor]) -> Wear:
    """As one CUDA graph."""
    return Recorded(whole(nets, given)[variant])


def compiled(nets: Networks, variant: str, given: list[Tensor]) -> Wear:
    """On a CPU only read, and run as it was read: compiling there takes minutes."""
    how = {} if given[0].is_cuda else {"backend": "eager"}
    return image(nets, variant, given, **how)


TRYON = {"recorded": recorded, "compiled": compiled}
STEPS: dict[str, dict[str, str]] = {
    "recomputed": {"PFAFN_RECOMPUTE": "1"},
    "not recorded": {"PFAFN_GRAPH": "0"},
    "compiled": {"PFAFN_COMPILE": "1"},  # the last, as it takes minutes
}
GPU_ALONE = {"try-on, recorded", "steps, not recorded", "steps, compiled"}


def checks(device: torch.device) -> Iterator[Check]:
    asked = {f"try-on, {name}": partial(tryon, how, device) for name, how in TRYON.items()}
    asked |= {f"steps, {name}": partial(steps, environment) for name, environment in STEPS.items()}
    for case, check in asked.items():
        if case in GPU_ALONE and device.type != "cuda":
            yield case, lambda: Found("there is none on a CPU")
        else:
            yield case, check


def tryon(switch: Switch, device: torch.device) -> Found:
    """One picture in the device's precision, against eager; seconds until it is ready."""
    variant = PRECISIONS[machine.precision(device)]
    scale = scale_of(device)
    nets = networks(network("student", scale.widths), device, (variant,))
    given = inputs(1, scale.size, device)
    wear = whole(nets, given)[variant]
    expected = wear().clone()
    with empty_cache():
        began = time.perf_counter()
        other = switch(nets, variant, given)
        found = [other().clone().cpu() for _ in range(FIRST_CALLS)][-1]  # waits for a GPU
        ready = time.perf_counter() - began
        taken = interleaved({"off": wear, "on": other}, scale.gallery_rounds, device)
    off, on = (1000 * Spread.of(taken[name]).median for name in ("off", "on"))
    same = within(found, expected, 0.1, 2e-3)
    told = f"; {off:.2f} ms without, {on:.2f} ms with it, ready after {ready:.1f} s"
    return same._replace(told=same.told + told, numbers=same.numbers | {"off_ms": off, "on_ms": on})


def steps(environment: dict[str, str]) -> Found:
    """The losses of a small training with it, against those without."""
    straight()  # without
    with tempfile.TemporaryDirectory() as work, patch.dict(os.environ, environment):
        return compared(train(Path(work)))
