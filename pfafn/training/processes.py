"""Several processes that train one network together: how they start, agree and end.

`torchrun` and `srun` start them, on one machine or many; otherwise a stage starts PFAFN_PROCESSES
of them on this machine by itself (`pfafn.kit.machine`). The first one alone writes.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from inspect import signature
from typing import NamedTuple, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning_fabric.strategies import DDPStrategy
from torch.distributed import DistError
from torch.nn.parallel import DistributedDataParallel

from pfafn.kit import machine
from pfafn.kit.errors import UserError
from pfafn.kit.progress import tell
from pfafn.params.sections import Schedule

TIMEOUT = timedelta(minutes=10)  # for what one process may let the others wait
# Before torch 2.13 it is one word with that of the start, at which seeds make them the same.
_SYNC_BUFFERS = next(
    name for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in signature(DistributedDataParallel).parameters
)  # fmt: skip
WATCH = 1.0  # seconds between two looks at whether the first process lives
GRACE = 5.0  # seconds in which a process that lost the first one may find out and say so by itself

Opened = TypeVar("Opened")


class ProcessesError(UserError, ValueError):
    """So many processes cannot share the work; the message says how many can."""


class ProcessLost(UserError, RuntimeError):
    """Another process of the training has ended or does not answer."""


class Dismissed(SystemExit):
    """The end of a process that is not the first: the first one says why, and with which code."""


class Layout(NamedTuple):
    """Who trains together."""

    machines: int
    each: int  # processes on each machine
    started_by: ClusterEnvironment

    @property
    def world(self) -> int:
        return self.machines * self.each


def start_fabric(layout: Layout | None = None) -> Fabric:
    """Fabric for this machine.

    layout: of all processes, which are started if need be; by default this one is alone.
    """
    if layout and layout.world > 1:
        return joined(layout)
    on = machine.device()
    alone = 1 if on.type == "cpu" or on.index is None else [on.index]
    # What a cluster says of other processes does not concern one that is alone.
    return Fabric(**_computing(), devices=alone, plugins=LightningEnvironment())


def _computing() -> dict[str, str]:
    """How Fabric calls the device and its precision."""
    on = machine.device()
    lower = machine.precision(on) == torch.bfloat16
    return {"accelerator": on.type, "precision": "bf16-mixed" if lower else "32-true"}


def joined(layout: Layout) -> Fabric:
    """Fabric as of several processes, also if the layout has but one."""
    strategy = DDPStrategy(
        cluster_environment=layout.started_by,
        timeout=TIMEOUT,
        **{_SYNC_BUFFERS: False},  # they come out the same in all processes
        gradient_as_bucket_view=True,
    )
    fabric = Fabric(
        **_computing(), strategy=strategy, devices=layout.each, num_nodes=layout.machines
    )
    if isinstance(layout.started_by, LightningEnvironment) and fabric.global_rank:
        _end_with_parent(fabric)
    with _watched(fabric):
        fabric.launch()
    return fabric


def together(schedule: Schedule, name: str) -> Layout:
    """Who trains by this schedule, called `name` in params.yaml.

    Raises ProcessesError if a batch cannot be shared evenly among them, or if there are too few
    GPUs for them.
    """
    layout = _layout(schedule)
    if schedule.batch % (schedule.accumulate * layout.world):
        raise ProcessesError(
            f"{name}: {layout.world} processes cannot share batch = {schedule.batch} evenly, in "
            f"accumulate = {schedule.accumulate} parts: make batch a multiple of "
            f"{schedule.accumulate * layout.world}, or start fewer processes"
        )
    return layout


def _layout(schedule: Schedule) -> Layout:
    if TorchElasticEnvironment.detect():
        torchrun = TorchElasticEnvironment()
        each = int(os.environ["LOCAL_WORLD_SIZE"])
        return Layout(torchrun.world_size() // each, each, torchrun)
    wanted = machine.processes()
    if wanted is None and int(os.environ.get("SLURM_NTASKS", 1)) > 1 and SLURMEnvironment.detect():
        try:
            slurm = SLURMEnvironment()
        except RuntimeError as error:  # --ntasks-per-node is missing
            raise ProcessesError(str(error)) from error
        machines = int(os.environ.get("SLURM_NNODES", 1))
        return Layout(machines, slurm.world_size() // machines, slurm)
    return Layout(1, _here(wanted, schedule), LightningEnvironment())


def _here(wanted: int | None, schedule: Schedule) -> int:
    """How many processes to start on this machine."""
    on = machine.device()
    gpus = torch.cuda.device_count() if on.type == "cuda" and on.index is None else 1
    if wanted is None:
        # They are started by starting this program again, which must be a stage for that.
        spec = sys.modules["__main__"].__spec__
        if spec is None or not spec.name.startswith("pfafn.stages."):
            return 1
        micro = schedule.batch // schedule.accumulate
        return max(n for n in range(1, gpus + 1) if micro % n == 0)
    if on.type == "cuda" and wanted > gpus:
        raise ProcessesError(
            f"PFAFN_PROCESSES is {wanted}, but there are {gpus} GPUs to use here (PFAFN_DEVICE is "
            f"{os.environ.get('PFAFN_DEVICE', 'auto')}): set it to {gpus} at most"
        )
    return wanted


@contextmanager
def led(fabric: Fabric, context: AbstractContextManager[Opened]) -> Iterator[Opened]:
    """Enter a context in the first process; the others get copies of what it yields.

    All leave together. Raises ProcessLost if a process is gone, and Dismissed in the others if the
    first one cannot enter.
    """
    with _watched(fabric):
        with ExitStack() as stack:
            opened = None
            try:
                if fabric.is_global_zero:
                    opened = stack.enter_context(context)
            finally:  # also if it failed: the others wait for an answer
                opened = fabric.broadcast(opened)
            if opened is None:
                raise Dismissed(0)
            yield opened
        fabric.barrier()


def agreed(fabric: Fabric, signal: int) -> int:
    """The signal that asks to stop in any of the processes, 0 if there is none."""
    if fabric.world_size == 1:
        return signal
    return int(fabric.all_reduce(torch.tensor(signal, device=fabric.device), reduce_op="max"))


@contextmanager
def _watched(fabric: Fabric) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        lost = isinstance(error, DistError) or "gloo" in str(error)
        if fabric.world_size == 1 or not lost:
            raise
        raise _lost(fabric) from error


def _lost(fabric: Fabric) -> ProcessLost:
    return ProcessLost(
        f"process {fabric.global_rank} of {fabric.world_size} can no longer reach the others: "
        f"one of them ended (its own message, if any, says why) or did not answer for "
        f"{TIMEOUT}. Run the same again, it goes on from the last resume point"
    )


def _end_with_parent(fabric: Fabric) -> None:
    """See to it that this process does not outlive the one that started it, and says so.

    One that was killed says nothing, and waiting for it on a GPU ends only with the time limit.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH)
        time.sleep(GRACE)
        tell(f"error: {_lost(fabric)}")
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
