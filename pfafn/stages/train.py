"""What the four training stages share: prepared data in, one `fit`, a model with its curve out."""

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pfafn.fast.learn import quicken
from pfafn.kit.files import require, write_json
from pfafn.learning.collapse import alarms
from pfafn.learning.objectives import Objective
from pfafn.models.tryon import TryOnNet
from pfafn.params.file import Params
from pfafn.samples.augment import Augment
from pfafn.samples.dataset import TryOnDataset
from pfafn.stages import pace
from pfafn.stages.output import StageOutput, stage_output
from pfafn.stages.workplace import need
from pfafn.training.curve import summary, write_curve
from pfafn.training.loop import Trained, fit
from pfafn.training.plan import Plan
from pfafn.training.processes import led, start_fabric, together
from pfafn.weights import model_file
from pfafn.weights.perceptual import load_vgg

MODEL = "model.safetensors"
WITH_ADAM = 3  # times the weights: themselves and two moments
PREPARED = ("manifest.parquet", "garments.parquet", "persons", "garments")


def model_path(artifacts: Path, stage: str) -> Path:
    """The model of a stage. Raises MissingInput naming the stage if it is not there."""
    return require(artifacts / stage / MODEL, stage)


def load_model(params: Params, artifacts: Path, stage: str, role: str) -> TryOnNet:
    """A stage's network; ModelError if it is not of this role or of the params' widths."""
    wanted = {
        "channels": list(params.model.channels),
        "fpn": params.model.fpn,
        "generator": params.model.generator if stage.endswith("_tryon") else None,
    }
    return model_file.load(model_path(artifacts, stage), role=role, architecture=wanted)[0]


def new_network(params: Params, role: str, stage: str, warp_from: TryOnNet | None) -> TryOnNet:
    """A freshly initialised network, seeded by params.seed and stage name.

    Without warp_from, the warp network alone; with it, a whole one that starts from its warp.
    """
    torch.manual_seed((params.seed << 32) + zlib.crc32(stage.encode()))
    width = params.model.generator if warp_from else None
    net = TryOnNet(role, list(params.model.channels), params.model.fpn, width)
    if warp_from:
        net.warp.load_state_dict(warp_from.warp.state_dict())
    return net


def train_stage(
    stage: str,
    params: Params,
    artifacts: Path,
    build: Callable[[], tuple[Objective, Plan]],
    *,
    models: tuple[str, ...] = (),
    fakes: bool = False,
    photos: float = 0.0,
) -> dict[str, Any]:
    """Train what build() returns and write model, curve, metrics and provenance of `stage`.

    models: stages whose models it reads; fakes: whether it trains on the tutor's fake images;
    photos: share of the samples in which the photo stands for the fake. Reads and writes below
    `artifacts`; resume points go to .work/STAGE beside it. Of several processes that train together
    each one runs this, and the first one writes.
    """
    inputs = [require(artifacts / "prepare" / name, "prepare") for name in PREPARED]
    inputs.append(require(artifacts / "annotate" / "shards", "annotate"))
    if fakes:
        inputs += [require(artifacts / "fakes" / n, "fakes") for n in ("fakes.parquet", "shards")]
    inputs += [model_path(artifacts, name) for name in models]
    names = ("seed", "image", "model", "augment", "perceptual", "optimizer", "losses", stage)
    sections = {name: getattr(params, name) for name in names}
    fabric = start_fabric(together(sections[stage], stage))
    with led(fabric, stage_output(artifacts / stage, inputs, sections)) as output:
        dataset = TryOnDataset(
            artifacts / "prepare",
            "train",
            annotate=artifacts / "annotate",
            fakes=artifacts / "fakes" if fakes else None,
            photos=photos,
            augment=Augment(**params.augment.model_dump()),
            seed=params.seed,
        )
        with fabric.rank_zero_first():  # it may fetch the perceptual loss's weights
            objective, plan = build()
        quicken(objective)
        if fabric.is_global_zero:
            room_for(objective, output)
        trained = fit(
            objective,
            dataset,
            plan,
            params.optimizer,
            seed=params.seed,
            work=output.work,
            name=stage,
            on_pace=lambda each: tell(params, artifacts, stage, each),
            fabric=fabric,
        )
        if fabric.is_global_zero:
            write(output, stage, params, objective.net, trained)
            output.extra["processes"] = fabric.world_size
    return summary(trained.history)


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


def room_for(objective: Objective, output: StageOutput) -> None:
    """NoSpace unless there is room for the model and three resume points, one being written."""
    weights = sum(value.nbytes for value in objective.net.state_dict().values())
    need(output.work, 3 * WITH_ADAM * weights + weights, "the resume points")


def tell(params: Params, artifacts: Path, stage: str, each: float) -> None:
    """Say on standard error what this stage and those after it take; each: seconds per sample."""
    splits = pd.read_parquet(artifacts / "prepare" / "manifest.parquet", columns=["split"])["split"]
    persons = {split: int((splits == split).sum()) for split in ("train", "test")}
    found = pace.seconds(params, persons, stage, each)
    print(pace.sentence(found), file=sys.stderr, flush=True)


def perceptual(params: Params) -> Any:
    """The VGG of the perceptual loss, or None."""
    return load_vgg(params.perceptual.weights)
