"""`pfafn train-parser`: a model that annotates photos, from annotated ones."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pfafn.kit.errors import UserError

if TYPE_CHECKING:
    from pfafn.params.file import Params
    from pfafn.params.sections import WarpStage

WORK = Path(".work") / "train-parser"
MODEL = "model.safetensors"


def train_parser(
    data: Annotated[Path, typer.Argument(help="An annotated data set of any layout.")],
    out: Annotated[Path, typer.Option(help="The parser's file, .safetensors.")],
    params: Annotated[
        Path | None,
        typer.Option(help="Whose size, seed, Adam and `prepare` count; ./params.yaml by default."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=0, help="At the full learning rate.")] = 4,
    decay: Annotated[int, typer.Option(min=0, help="Then, while it falls to zero.")] = 4,
    batch: Annotated[int, typer.Option(min=1, help="Photos of a step.")] = 16,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 2e-3,
    width: Annotated[int, typer.Option(min=4, help="Channels of the finest level.")] = 16,
    licence: Annotated[
        str, typer.Option(help="Of the data set: the file tells it to whoever uses it.")
    ] = "unknown",
) -> None:
    """Train a parser, which estimates parsing maps and keypoints of photos without annotations.

    It learns from the train split and is judged on the test split; the file tells both. Stopped,
    the same command goes on from what is done.
    """
    from pfafn.kit import threads
    from pfafn.kit.files import file_hash, whole
    from pfafn.kit.signals import stopping
    from pfafn.params.file import FILE, Params
    from pfafn.stages.entry import tuned
    from pfafn.weights import model_file

    if out.suffix != ".safetensors":
        raise UserError(f"{out}: a model file's name ends in .safetensors")
    rules = Params.load(params or FILE)
    schedule = _schedule(epochs=epochs, decay=decay, batch=batch, lr=lr)
    with stopping(), threads.choosing(), tuned():
        artifacts = _annotated(rules, data)
        _train(rules, artifacts, schedule, width, licence)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole(out) as scratch:
        shutil.copyfile(artifacts / "parser" / MODEL, scratch)
    shutil.rmtree(artifacts.parent)
    for name, value in model_file.read_card(out)["held_out"].items():
        typer.echo(f"{name}: {value}")
    typer.echo(f"{out}: annotate.sha256 of params.yaml is {file_hash(out)}")


def _schedule(**options: float) -> "WarpStage":
    """How long and how fast it is trained. Raises UserError naming an option that is impossible."""
    from pydantic import ValidationError

    from pfafn.params.sections import WarpStage

    try:
        return WarpStage(accumulate=1, **options)
    except ValidationError as error:
        wrong = error.errors()[0]
        option = "".join(f"--{name}: " for name in wrong["loc"])
        raise UserError(option + wrong["msg"].removeprefix("Value error, ")) from error


def _annotated(params: "Params", data: Path) -> Path:
    """Prepare and annotate the data set as the stages do, once; the folder of their artifacts."""
    from pfafn.kit.files import content_key, file_hash
    from pfafn.params.photos import Annotate
    from pfafn.stages import annotate, prepare

    own = Annotate(source="dataset", parser=None, sha256=None, pose=None, body_parts="derived")
    params = params.model_copy(update={"annotate": own})
    facts = file_hash(data), params.only(*prepare.PARAMS).model_dump(mode="json")
    artifacts = WORK / content_key(facts)[:16] / "artifacts"
    if not (artifacts / "prepare").exists():
        prepare.run(params, data, artifacts / "prepare")
    if not (artifacts / "annotate").exists():
        annotate.run(params, data, artifacts / "prepare", artifacts / "annotate")
    return artifacts


def _train(
    params: "Params", artifacts: Path, schedule: "WarpStage", width: int, licence: str
) -> None:
    """Train and judge; the parser lies below artifacts/parser then."""
    import torch

    from pfafn.estimators.parser import PhotoParser
    from pfafn.estimators.scores import judge
    from pfafn.kit import machine
    from pfafn.learning.parser import AUGMENT, parser_recipe
    from pfafn.models.parser import Parser
    from pfafn.samples.augment import Augment
    from pfafn.samples.dataset import TestSamples, TutorSamples
    from pfafn.stages import reads
    from pfafn.stages.output import stage_output
    from pfafn.training.loop import fit
    from pfafn.weights import model_file

    told = {
        **params.only("seed", "image", "optimizer").model_dump(mode="json"),
        "schedule": schedule.model_dump(), "augment": AUGMENT, "width": width,
    }  # fmt: skip
    folders = artifacts / "prepare", artifacts / "annotate"
    read = reads.annotated(artifacts)
    with stage_output(artifacts / "parser", read, told, machine.rounding()) as output:
        torch.manual_seed(params.seed)
        net = Parser(width)
        dataset = TutorSamples(*folders, augment=Augment(**AUGMENT), seed=params.seed)
        recipe = parser_recipe(net, schedule)
        where = {"seed": params.seed, "work": output.work, "name": "parser"}
        fit(recipe, dataset, params.optimizer, **where)
        inputs = {"/".join(Path(n).parts[-2:]): found for n, found in output.inputs.items()}
        scores = judge(PhotoParser(net, params.image.size), TestSamples(*folders))
        card = {
            "image": list(params.image.size), "params": told, "inputs": inputs,
            "licence": licence, "trained_on": len(dataset), "held_out": scores.summary(),
        }  # fmt: skip
        model_file.save(net, output / MODEL, card)
