"""Tutor, student and baselines on the test split, scored sample by sample.

Paired, a parser-free model is shown the answer's clothes, as is the untouched person, which scores
perfectly there: only unpaired scores against a known truth rank parser-free models.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch.utils.data import DataLoader

from pfafn.evaluation.baselines import paste_on_torso
from pfafn.evaluation.metrics import METRICS
from pfafn.evaluation.scores import Dressed, scores
from pfafn.evaluation.testset import PROTOCOLS, TestSet, truths
from pfafn.kit.machine import autocast
from pfafn.kit.progress import Progress
from pfafn.models.redress import redress
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.photos.tensors import to_device
from pfafn.samples.loading import loading, read
from pfafn.samples.sample import TestSample


@torch.inference_mode()
def dress(
    tutor: TryOnNet, student: TryOnNet, batch: TestSample, protocol: str
) -> dict[str, Dressed]:
    """Every one of `metrics.MODELS` on a batch (on the networks' device), under a protocol."""
    person, garment = batch.person, batch.worn if protocol == "paired" else batch.unpaired
    with autocast(person.device):
        by_tutor = redress(tutor, person, batch.annotation, garment)
        by_student = student.wear(person, *garment)
    return {
        "tutor": of_network(by_tutor),
        "student": of_network(by_student),
        "person": Dressed(person),
        "torso_box": paste_on_torso(person, *garment, batch.annotation.keypoints),
    }


def of_network(worn: Worn) -> Dressed:
    warped = worn.warped
    return Dressed(worn.image, warped.garment, warped.mask, warped.alignment.grid)


class Evaluated(NamedTuple):
    """A batch under one protocol."""

    protocol: str
    batch: TestSample
    dressed: dict[str, Dressed]
    rows: list[dict[str, Any]]  # of the per-sample table


def evaluate(
    tutor: TryOnNet, student: TryOnNet, test: TestSet, batch_size: int
) -> Iterator[Evaluated]:
    """Every batch of the test split under every protocol; one batch is in memory at a time."""
    device = next(student.parameters()).device
    loader = DataLoader(test.samples, batch_size=batch_size, **loading(device))
    with Progress("evaluate", len(test.samples) * len(PROTOCOLS), unit="pairs") as progress:
        for batch in read(loader):
            batch = to_device(batch, device)
            for protocol in PROTOCOLS:
                dressed = dress(tutor, student, batch, protocol)
                yield Evaluated(protocol, batch, dressed, rows(test, batch, dressed, protocol))
                progress.advance(steps=len(batch.item))


def rows(
    test: TestSet, batch: TestSample, dressed: dict[str, Dressed], protocol: str
) -> list[dict[str, Any]]:
    """One row per sample and model: names and METRICS, all NaN if the model gave no numbers."""
    table = []
    for i, truth in enumerate(truths(test, batch, protocol)):
        if truth is None:
            continue
        pair = test.pair(int(batch.item[i]), protocol)
        names = {
            "item": pair.item,
            "person": test.persons[pair.item],
            "garment": test.garments[pair.garment],
            "protocol": protocol,
        }
        for model, of_model in dressed.items():
            made = of_model.outcome(i)
            failed = not torch.isfinite(made.image).all()
            values = dict.fromkeys(METRICS, math.nan) if failed else scores(made, truth)
            table.append(names | {"model": model, **values})
    return table


def summary(samples: pd.DataFrame) -> dict[str, Any]:
    """Means per protocol and model, of what is known; and counts.

    counts: per protocol the pairs, and per model how many of them have a score (fewer than `person`
    has, if a model gave something that is no number).
    """
    metrics: dict[str, Any] = {"counts": {}}
    for protocol, of_protocol in samples.groupby("protocol"):
        by_model = of_protocol.groupby("model")
        metrics[protocol] = {
            model: {
                name: round(float(rows[name].mean()), 6)
                for name in METRICS
                if rows[name].notna().any()
            }
            for model, rows in by_model
        }
        pairs = len(of_protocol) // by_model.ngroups
        scored = {model: int(rows["ssim"].notna().sum()) for model, rows in by_model}
        metrics["counts"][protocol] = {"pairs": pairs, **scored}
    return metrics
