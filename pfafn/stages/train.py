"""What the four training stages share: prepared data in, one `fit`, a model with its curve out."""

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning_fabric import Fabric

from pfafn.fast.learn import compile_parts, quicken
from pfafn.fast.recompute import recompute
from pfafn.kit import machine, threads
from pfafn.kit.files import MODEL, write_json
from pfafn.kit.progress import tell
from pfafn.kit.signals import stop_signals
from pfafn.learning.collapse import Alarm, alarms
from pfafn.models.tryon import TryOnNet
from pfafn.params.file import Params
from pfafn.params.sections import Schedule
from pfafn.samples.augment import Augment
from pfafn.samples.dataset import StudentSamples, TutorSamples
from pfafn.stages import reads
from pfafn.stages.output import StageOutput, stage_output
from pfafn.stages.workplace import need
from pfafn.training import pace
from pfafn.training.curve import summary, write_curve
from pfafn.training.loop import Trained, fit, steps_per_epoch
from pfafn.training.pace import Pace
from pfafn.training.processes import led, start_fabric, together
from pfafn.training.recipe import Recipe
from pfafn.weights import model_file
from pfafn.weights.perceptual import load_vgg

COMMON = ("seed", "image", "augment", "perceptual", "optimizer")  # params of every training
WITH_ADAM = 3  # times the weights: themselves and two moments


def load_model(params: Params, artifacts: Path, stage: str, role: str) -> TryOnNet:
    """A stage's network; ModelError if it is not of this role or of the widths in params."""
    widths = params.model.model_dump(mode="json")
    wanted = widths if stage.endswith("_tryon") else widths | {"generator": None}
    return model_file.load(reads.model(artifacts, stage), role=role, architecture=wanted)[0]


def new_network(
    params: Params,
    role: str,
    stage: str,
    warp_from: TryOnNet | None = None,
    **beyond: bool | float,
) -> TryOnNet:
    """A freshly initialised network, seeded by params.seed and stage name.

    Without warp_from, the warp network alone; with it, a whole one that starts from its warp.
    beyond: what is not in the paper, by the names that TryOnNet has for it.
    """
    # NOTE: a CPU's generator takes the lower 32 bits alone, so that there the stage decides.
    torch.manual_seed((params.seed << 32) + zlib.crc32(stage.encode()))
    width = params.model.generator if warp_from else None
    net = TryOnNet(role, list(params.model.channels), params.model.fpn, width, **beyond)
    if warp_from:
        net.warp.load_state_dict(warp_from.warp.state_dict())
    return net


def train_stage(
    stage: str,
    declared: Sequence[str],
    recipe_of: Callable[[Params, Path], Recipe],
    params: Params,
    artifacts: Path,
    *,
    models: tuple[str, ...] = (),
    fakes: bool = False,
) -> dict[str, Any]:
    """Train by recipe_of(params, artifacts); write model, curve, metrics, provenance of `stage`.

    declared: the keys of params that it may read; models: stages whose models it reads; fakes:
    whether it trains on the tutor's fake images. Returns the metrics. Reads and writes below
    `artifacts`; resume points go to .work/STAGE beside it. Of several processes that train together
    each one runs this, and the first one writes.
    """
    whole, params = params, params.only(*declared)
    read = reads.annotated(artifacts)
    read += reads.fake(artifacts) if fakes else []
    read += [reads.model(artifacts, name) for name in models]
    schedule = getattr(params, stage)
    fabric = start_fabric(together(schedule, stage))
    result = stage_output(artifacts / stage, read, params, machine.rounding())
    # Also asked to stop at its very end it has something to finish: model, curve and metrics.
    with stop_signals(), led(fabric, result) as output:
        dataset = samples(params, artifacts, schedule, fakes)
        with fabric.rank_zero_first():  # it may fetch the perceptual loss's weights
            recipe = recipe_of(params, artifacts)
        quicken(recipe.objective)
        if machine.count("PFAFN_RECOMPUTE", 0):
            recompute(recipe.objective)
        steps = steps_per_epoch(dataset, schedule, stage) * recipe.epochs
        if fabric.world_size == 1 and machine.compiles(steps):
            compile_parts(recipe.objective)
        net = recipe.objective.net
        if fabric.is_global_zero:  # the model and three resume points, one being written
            weights = sum(value.nbytes for value in net.state_dict().values())
            need(output.work, (3 * WITH_ADAM + 1) * weights, "the resume points")
        told = Pace(schedule.batch, partial(forecast, whole, artifacts, stage))
        trained = fit(
            recipe, dataset, params.optimizer, seed=params.seed, work=output.work, name=stage,
            watchers=(Alarm(stage).look, told.step, *leaving(output, fabric)), fabric=fabric,
        )  # fmt: skip
        if fabric.is_global_zero:
            write(output, stage, params, net, trained)
            output.extra["processes"] = fabric.world_size
    return summary(trained.history)


def leaving(output: StageOutput, fabric: Fabric) -> list[Callable[..., None]]:
    """Told of each step: what leaves cores to other programs, if one process trains on a CPU."""
    alone = fabric.world_size == 1 and "threads" in output.rounding
    return [threads.Watch(output.work).look] if alone else []


def samples(params: Params, artifacts: Path, schedule: Schedule, fakes: bool) -> TutorSamples:
    """What a training reads; see `train_stage`."""
    folders = (artifacts / "prepare", artifacts / "annotate")
    how = {"augment": Augment(**params.augment.model_dump()), "seed": params.seed}
    if fakes:
        photos = getattr(schedule, "photos", 0.0)  # the warp stage has no such choice
        return StudentSamples(*folders, artifacts / "fakes", photos=photos, **how)
    return TutorSamples(*folders, **how)


def write(output: StageOutput, stage: str, params: Params, net: TryOnNet, trained: Trained) -> None:
    """Put model, curve and metrics into the stage's folder, and what belongs in provenance.json."""
    # Only what decides the weights: equal weights must be equal bytes.
    card = {
        "stage": stage,
        "image": list(params.image.size),
        "params": output.params,
        "inputs": output.inputs,
    }
    model_file.save(net, output / MODEL, card)
    write_curve(trained.history, output.folder, stage)
    write_json(output / "metrics.json", summary(trained.history))
    output.samples = trained.samples
    output.extra = {
        "training_seconds": round(trained.seconds, 1),
        "resume_points_seconds": round(trained.saving, 3),
        "alarms": alarms(trained.history),
    }


def forecast(params: Params, artifacts: Path, stage: str, seconds: float) -> None:
    """Say on standard error what this stage and those after it will take.

    seconds: for a sample of this stage. params: the whole of them.
    """
    splits = pd.read_parquet(artifacts / "prepare" / "manifest.parquet", columns=["split"])["split"]
    persons = {split: int((splits == split).sum()) for split in ("train", "test")}
    costs = pace.seconds(params, persons, stage, seconds)
    tell(pace.sentence(costs))


def perceptual(params: Params) -> Any:
    """The VGG of the perceptual loss, or None."""
    return load_vgg(params.perceptual.weights, params.perceptual.sha256)
