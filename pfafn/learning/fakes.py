"""The frozen tutor redresses training persons: the fakes, their warped masks and their scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.data import DataLoader, Subset

from pfafn.fast.deploy import deploy
from pfafn.fast.graph import recorded
from pfafn.kit import machine
from pfafn.kit.files import MODEL
from pfafn.kit.machine import autocast
from pfafn.kit.progress import Progress
from pfafn.models.redress import redress
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.params.file import Params
from pfafn.params.sections import Fakes
from pfafn.photos.images import pack
from pfafn.photos.tensors import to_bytes, to_device
from pfafn.samples.dataset import UnpairedSamples
from pfafn.samples.loading import loading, read
from pfafn.samples.sample import UnpairedSample
from pfafn.weights import model_file
from pfafn.workers import cluster
from pfafn.workers.crew import WorkersError
from pfafn.workers.pool import spread


class StoredFake(NamedTuple):
    """A fake as shards keep it: which it is with its scores, and its packed picture and mask."""

    scores: dict[str, Any]
    pictures: dict[str, bytes]


def make(
    params: Params, artifacts: Path, inputs: list[Path], computation: str, start: int
) -> Iterator[StoredFake]:
    """Every fake from the `start`-th on (whole batches), person by person, k by k.

    On this process's device, or batch by batch on a cluster (`pfafn.workers.cluster`). inputs: what
    is read; computation: its fingerprint. Raises WorkersError if workers compute on unlike devices.
    """
    manifest = pd.read_parquet(artifacts / "prepare" / "manifest.parquet", columns=["split"])
    persons = int((manifest["split"] == "train").sum())
    per_person = params.fakes.per_person
    left = range(min(start // per_person, persons), persons)
    with Progress("fakes", persons * per_person, left.start * per_person, "fakes") as progress:
        if cluster.address() is None:
            made = Dresser(params, artifacts).fakes(left, machine.workers())
        else:
            work = BatchWork(params, artifacts.absolute(), computation, torch.get_num_threads())
            made = _spread(work, left, inputs)
        for fake in made:
            progress.advance()
            yield fake


def _spread(work: "BatchWork", persons: range, inputs: list[Path]) -> Iterator[StoredFake]:
    # What a network draws may depend, in the last bits, on how many are drawn together.
    size = work.params.fakes.batch
    batches = [persons[i : i + size] for i in range(0, len(persons), size)]
    kinds: set[str] = set()
    for kind, fakes in spread(
        work, batches, inputs, lambda rows: f"training persons {rows[0]}..{rows[-1]}", 1
    ):
        kinds.add(kind)
        if len(kinds) > 1:
            raise WorkersError(
                f"workers compute on unlike devices ({'; '.join(sorted(kinds))}), so what comes "
                "out would depend on who does what: keep one kind, or set the same PFAFN_DEVICE "
                "and PFAFN_PRECISION where they are started"
            )
        yield from fakes


class Dresser:
    """The tutor on this process's device, and the persons that it redresses: a view for each k."""

    def __init__(self, params: Params, artifacts: Path) -> None:
        self.batch = params.fakes.batch
        device = self.device = machine.device()
        tutor, _ = model_file.load(artifacts / "tutor_tryon" / MODEL, role="tutor")
        tutor = deploy(tutor, device, machine.precision(device))
        self.dressed = recorded(partial(dressed, tutor, params.fakes), device)
        folders = artifacts / "prepare", artifacts / "annotate"
        self.views = [UnpairedSamples(*folders, k) for k in range(params.fakes.per_person)]

    def fakes(self, persons: range, loaders: int) -> Iterator[StoredFake]:
        """The fakes of these rows of the split, person by person, k by k; from whole batches on.

        loaders: processes that read photos ahead.
        """
        how = {"batch_size": self.batch} | loading(self.device, loaders)
        batches = [read(DataLoader(Subset(view, persons), **how)) for view in self.views]
        for views in zip(*batches, strict=True):
            made = [self.arrays(batch) for batch in views]
            for i in range(len(views[0].item)):
                for k, (scores, images, masks) in enumerate(made):
                    row = {
                        "item": int(views[k].item[i]), "k": k, "garment": int(views[k].row[i]),
                        **{name: float(values[i]) for name, values in scores.items()},
                    }  # fmt: skip
                    image, mask = pack(images[i]), pack(masks[i, :, :, 0])
                    yield StoredFake(row, {"image": image, "mask": mask})

    def arrays(self, batch: UnpairedSample) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """`dressed` of a batch that lies in this process's memory, as arrays."""
        made = self.dressed(to_device(batch, self.device))
        return tree_map(lambda tensor: tensor.cpu().numpy(), made)


@dataclass(frozen=True)
class BatchWork:
    """What a worker elsewhere does with the persons of one batch.

    computation: the fingerprint of all that is read, so that no worker goes on with an older tutor.
    threads: of the process that asks; sums are split among them, which shows in the last bits.
    """

    params: Params
    artifacts: Path
    computation: str
    threads: int

    def __call__(self, persons: range) -> tuple[str, list[StoredFake]]:
        """What it was computed on, and the fakes."""
        torch.set_num_threads(self.threads)
        fakes = _dresser(self).fakes(persons, loaders=0)
        own = machine.rounding()  # others compute other last bits
        return f"{own['device']} in {own['precision']}", list(fakes)


@lru_cache(maxsize=1)
def _dresser(work: BatchWork) -> Dresser:
    return Dresser(work.params, work.artifacts)


def dressed(
    tutor: TryOnNet, how: Fakes, batch: UnpairedSample
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Scores [B], fakes uint8 [B, H, W, 3] and warped masks uint8 [B, H, W, 1] of a batch.

    batch: on the tutor's device, where all of it stays.
    """
    wearer = batch.wearer if how.arms_in_front else None
    keep = how.edge if how.keep else None
    with autocast(batch.person.device):
        worn = redress(tutor, batch.person, batch.annotation, batch.garment, wearer, keep=keep)
    return quality(worn), to_bytes(worn.image), to_bytes(worn.warped.mask * 2 - 1)


def quality(worn: Worn) -> dict[str, Tensor]:
    """Per fake [B]: is it finite, area of the warped mask in [0, 1], agreement in [0, 1].

    Agreement: one minus the mean absolute difference to the warped garment under its mask, as a
    share of the value range; what arms rightly hide lowers it, too.
    """
    mask = worn.warped.mask
    difference = ((worn.image - worn.warped.garment).abs() / 2 * mask).sum(dim=(1, 2, 3)) / 3
    return {
        "finite": torch.isfinite(worn.image).all(dim=(1, 2, 3)).float(),
        "area": mask.mean(dim=(1, 2, 3)),
        "agreement": 1 - difference / mask.sum(dim=(1, 2, 3)).clamp(min=1e-6),
    }
