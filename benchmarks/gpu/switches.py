"""A try-on as it may be computed otherwise is that of eager; what it gives, and costs.

A switch more is a line more in TRYON.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.compiled import FIRST_CALLS, empty_cache, image
from benchmarks.gpu.findings import Check, Found
from benchmarks.gpu.parity import within
from benchmarks.gpu.scale import scale_of
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


def checks(device: torch.device) -> Iterator[Check]:
    for name, how in TRYON.items():
        if how is recorded and device.type != "cuda":
            yield f"try-on, {name}", lambda: Found("there is none on a CPU")
        else:
            yield f"try-on, {name}", partial(tryon, how, device)


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
