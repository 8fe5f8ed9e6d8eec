"""The deployed student compiled by `torch.compile`: what it gains, and what its warm-up costs.

On a GPU with CUDA graphs, and in batches as well: as many try-ons per second as there can be.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor
from torch._dynamo.exc import BackendCompilerFailed

from benchmarks.inference import flops, inputs, whole
from benchmarks.rows import Row, rows
from benchmarks.subject import Scale
from benchmarks.timing import Spread, interleaved
from benchmarks.variants import PLAIN, PRECISIONS, Networks, computing, formed
from pfafn.kit import machine

MODE = {"cpu": "default", "cuda": "reduce-overhead"}  # the latter: as one CUDA graph
BATCHES = {"cpu": (1,), "cuda": (1, 32, 64, 128)}
FIRST_CALLS = 3  # the first compiles, the second may record a graph, the third is as any later one


@contextmanager
def empty_cache() -> Iterator[None]:
    """The compiler finds nothing that it made before, and leaves nothing."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        patch.dict(os.environ, TORCHINDUCTOR_CACHE_DIR=folder),
    ):
        yield


def image(nets: Networks, variant: str, given: list[Tensor], **how: str) -> Callable[[], Tensor]:
    """A variant's try-on, to be compiled when it is first called, for this batch alone.

    how: of torch.compile, by default the mode of this kind of device.
    """
    (net, dtype), own = nets[variant], formed(given, variant)
    device = own[0].device

    def wear(person: Tensor, garment: Tensor, mask: Tensor) -> Tensor:
        return net.wear(person, garment, mask).image

    compiled = torch.compile(
        wear, **(how or {"mode": MODE[device.type]}), dynamic=False, fullgraph=True
    )

    def run() -> Tensor:
        with computing(device, dtype):
            return compiled(*own)

    return run


def warm_up(make: Callable[[], Callable[[], Tensor]]) -> tuple[Callable[[], Tensor], list[float]]:
    """The compiled try-on, and seconds until it is ready: compiled, and by the compiler's cache."""
    took = []
    with empty_cache():
        for _ in range(2):
            torch.compiler.reset()
            run, began = make(), time.perf_counter()
            for _ in range(FIRST_CALLS):
                run().cpu()  # waits for a GPU
            took.append(time.perf_counter() - began)
    return run, took


def compiled(
    nets: Networks, scale: Scale, device: torch.device, best: dict[str, float]
) -> Iterator[Row]:
    """The default precision's try-on as it is and compiled, against the plain one."""
    variant = PRECISIONS[machine.precision(device)]
    own = {name: nets[name] for name in (PLAIN, variant)}
    for count in BATCHES[device.type]:
        yield from case(own, variant, count, scale, device, best[variant])


def case(
    nets: Networks, variant: str, count: int, scale: Scale, device: torch.device, best: float
) -> list[Row]:
    """One batch; best: FLOP per second at most. Says so where nothing can be compiled."""
    given = inputs(count, scale.size, device)
    work, needed, notes = whole(nets, given), flops(nets, given), {}
    expected, name = work[variant](), f"{variant}, compiled"
    try:
        work[name], (first, again) = warm_up(lambda: image(nets, variant, given))
        off = (work[name]() - expected).abs().max()
        notes[name] = f"; ready after {first:.0f} s, {again:.0f} s with the compiler's cache"
        notes[name] += f"; off by {off:.1e} from it"
    except BackendCompilerFailed as error:
        notes[variant] = f"; not compiled, torch.compile fails here: {error.inner_exception}"
    taken = interleaved(work, scale.rounds, device)
    torch.compiler.reset()
    if name in taken:
        gain = Spread.of([e / c for e, c in zip(taken[variant], taken[name], strict=True)])
        notes[name] = f"; {gain.median:.2f}x of {variant}{notes[name]}"
    for each, times in taken.items():
        rate = 1 / Spread.of(times).median
        share = "" if each == PLAIN else f", {needed * rate / best:.0%} of the ceiling"
        notes[each] = f"{count * rate:.3g} try-ons/s{share}{notes.get(each, '')}"
    shape = f"{scale.size[0]}x{scale.size[1]}, batch {count}"
    return rows("Compiled try-on, network only, per picture", shape, taken, per=count, notes=notes)
