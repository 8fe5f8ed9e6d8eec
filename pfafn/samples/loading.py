"""Which samples each process sees, and when: micro-batches in a seeded order."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader, Dataset, Sampler

from pfafn.kit import machine
from pfafn.params.sections import Schedule


def loader(
    fabric: Fabric, dataset: Dataset, schedule: Schedule, seed: int, start: int
) -> DataLoader:
    """This process's micro-batches from step `start` (0 = the first) to the end of the schedule."""
    keys = MicroBatches(len(dataset), schedule, seed, start, fabric.global_rank, fabric.world_size)
    return fabric.setup_dataloaders(
        DataLoader(
            dataset,
            batch_sampler=keys,
            **loading(fabric.device),
            # It draws a number when it starts; from torch's own generator it would be one more
            # after each resume.
            generator=torch.Generator().manual_seed(seed),
        ),
        use_distributed_sampler=False,
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
        "worker_init_fn": one_thread,
    }


def one_thread(worker: int) -> None:
    """For a loader process: OpenCV as torch, or there would be threads for all cores in each."""
    cv2.setNumThreads(0)
