"""Which samples each process sees, and when: micro-batches in a seeded order."""

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader, Dataset, Sampler

from pfafn.kit import machine
from pfafn.kit.errors import UserError
from pfafn.kit.signals import heirs_deaf, listen
from pfafn.params.sections import Schedule

NOTICED = 0.2  # seconds after an error of the loader in which the end of its process is noticed


class LoaderLost(UserError, RuntimeError):
    """A loader process has ended; between two batches, so that nothing is half done."""


def loader(
    fabric: Fabric, dataset: Dataset, schedule: Schedule, seed: int, start: int
) -> DataLoader:
    """This process's micro-batches from step `start` (0 = the first) to the end of the schedule."""
    keys = MicroBatches(len(dataset), schedule, seed, start, fabric.global_rank, fabric.world_size)
    return DataLoader(
        dataset,
        batch_sampler=keys,
        **loading(fabric.device),
        # It draws a number when it starts; from torch's own generator it would be one more after
        # each resume.
        generator=torch.Generator().manual_seed(seed),
    )


class MicroBatches(Sampler[list[tuple[int, int]]]):
    """Lists of (epoch, index) keys: each epoch all samples in a seeded order, in whole batches.

    rank r of `world` gets every world-th sample of each joint batch.
    """

    def __init__(
        self, samples: int, schedule: Schedule, seed: int, start: int, rank: int = 0, world: int = 1
    ) -> None:
        self.samples, self.schedule, self.seed, self.start = samples, schedule, seed, start
        self.rank, self.world = rank, world

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        per_epoch = self.samples // self.schedule.batch
        batch = self.schedule.batch // self.world
        micro = batch // self.schedule.accumulate
        last = self.schedule.epochs + self.schedule.decay
        for epoch in range(self.start // per_epoch + 1, last + 1):
            keys = epoch_keys(self.samples, self.seed, epoch, self.rank, self.world)
            keys = keys[: per_epoch * batch]
            done = max(0, self.start - (epoch - 1) * per_epoch) * batch
            for first in range(done, len(keys), micro):
                yield keys[first : first + micro]


def epoch_keys(
    samples: int, seed: int, epoch: int, rank: int = 0, world: int = 1
) -> list[tuple[int, int]]:
    """Keys (epoch, i) of one epoch in an order decided by seed and epoch alone.

    rank r of `world` gets every world-th key; the order wraps around so that all ranks have equally
    many. Raises ValueError for a rank that there is not.
    """
    if not 0 <= rank < world:
        raise ValueError(f"rank must be 0..{world - 1}, got {rank}")
    order = np.random.default_rng([seed, epoch]).permutation(samples)
    share = np.resize(order, -(-samples // world) * world)[rank::world]
    return [(epoch, index) for index in share.tolist()]


def loading(device: torch.device, workers: int | None = None) -> dict[str, Any]:
    """How a DataLoader reads for a device, in so many processes; by default PFAFN_WORKERS.

    For a GPU into pinned memory, from which it is copied while the GPU computes.
    """
    return {
        "num_workers": machine.workers() if workers is None else workers,
        "pin_memory": device.type == "cuda",
        "worker_init_fn": set_up,
    }


def set_up(worker: int) -> None:
    """For a loader process: OpenCV as torch, or there would be threads for all cores in each.

    Whoever asks it to end, it hears only the process that it loads for.
    """
    cv2.setNumThreads(0)
    threading.Thread(target=listen, daemon=True).start()


def read(loader: DataLoader) -> Iterator[Any]:
    """The loader's batches. Raises LoaderLost if one of its processes was killed.

    A signal to all processes of a command is for this one to answer, which still needs batches to
    finish what it does: loader processes do not hear it, unless it comes from this one.
    """
    others = set(multiprocessing.active_children())
    told = signal.getsignal(signal.SIGCHLD)
    with heirs_deaf():
        batches = iter(loader)
    if signal.getsignal(signal.SIGCHLD) != told:
        # By torch: an error in the middle of a step or a save, as soon as a loader process ends.
        # Without it torch notices when it waits for the next batch.
        signal.signal(signal.SIGCHLD, told)
    processes = set(multiprocessing.active_children()) - others
    try:
        yield from batches
    except Exception as error:
        for process in processes:  # the code of one that is ending is not known at once
            process.join(NOTICED / len(processes))
        ended = [process for process in processes if process.exitcode]
        if not ended:
            raise
        raise LoaderLost(
            f"loader process {ended[0].pid} was killed (exit code {ended[0].exitcode}), as systems "
            "do that run out of memory: run the same again, it goes on from what is done; "
            f"PFAFN_WORKERS (here {len(processes)}) sets how many there are, and 0 needs none"
        ) from error
