"""`python -m pfafn VERB`: what users do with the project by hand.

What a verb needs is imported inside it, so that --help is instant.
"""

import json
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pfafn.cli import registry
from pfafn.kit.errors import UserError
from pfafn.stages.workplace import check_folder

CHAMPION = "models:/pfafn-student@champion"
BAD = 1  # exit code: something could not be used


class Verbs(TyperGroup):
    """Shows a user's error as its message, without a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            check_folder()
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(BAD) from error


app = typer.Typer(
    cls=Verbs,
    name="pfafn",
    help="Parser-free virtual try-on: data, try-on, checkpoints, registry.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(registry.app, name="registry")

Folder = Annotated[Path, typer.Argument(help="The data folder.")]


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(help="New or empty folder.")] = Path("data"),
    train: Annotated[int, typer.Option(min=0, help="People in the train split.")] = 600,
    test: Annotated[int, typer.Option(min=0, help="People in the test split.")] = 40,
    height: Annotated[int, typer.Option(help="Pixels, a multiple of 32.")] = 128,
    width: Annotated[int, typer.Option(help="Pixels, a multiple of 32.")] = 96,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 7,
    parsing_noise: Annotated[
        float, typer.Option(min=0, max=1, help="How much to spoil the parsing maps.")
    ] = 0.0,
    workers: Annotated[int, typer.Option(min=1, help="Processes; never changes a byte.")] = 1,
) -> None:
    """Draw a data set of people in garments, with the truth that photos never have."""
    from pfafn.kit.progress import Progress
    from pfafn.studio.dataset import synthesise

    try:
        with Progress("synth", train + test, unit="people") as progress:
            synthesise(
                out, train=train, test=test, size=(height, width), seed=seed,
                parsing_noise=parsing_noise, workers=workers,
                progress=lambda steps: progress.advance(steps=steps),
            )  # fmt: skip
    except (ValueError, FileExistsError) as error:
        raise UserError(str(error)) from error
    typer.echo(f"{out}: {train} people to train on, {test} to test")


@app.command()
def adopt(
    layout: Annotated[
        str, typer.Argument(help="viton, viton-resize, viton-hd, dresscode; or auto to look.")
    ],
    sources: Annotated[list[Path], typer.Argument(help="Folders, tars or zips, put together.")],
    out: Annotated[Path, typer.Option(help="New or empty data folder.")] = Path("data"),
) -> None:
    """Make the data folder from an existing data set; nothing is overwritten."""
    from pfafn.data.adopt import adopt as take_over
    from pfafn.kit.progress import Progress

    with Progress("adopt", 100, unit="%") as progress:
        done = take_over(
            layout, sources, out,
            lambda bytes_, total: progress.advance(steps=100 * bytes_ // total - progress.done),
        )  # fmt: skip
    for split, persons in done.persons.items():
        typer.echo(f"{out}: {split}: {persons} persons, {done.garments[split]} garments")
    typer.echo(f"{done.files} files of layout {done.layout}; {done.ignored} others left out")


@app.command()
def check(
    data: Folder,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per finding and line.")
    ] = False,
) -> None:
    """Look into every file of a data set and say what `prepare` would leave out, and why.

    Exit code 1 if anything would be rejected.
    """
    from pfafn.data.check import check as examine

    findings = examine(data)
    for finding in findings:
        if as_json:
            typer.echo(json.dumps(finding.as_json(), sort_keys=True))
        else:
            shown = "" if finding.value is None else f" ({finding.value})"
            left = "rejected" if finding.rejects else "note"
            typer.echo(f"{left}: {finding.file}: {finding.reason}{shown}")
    rejected = sum(finding.rejects for finding in findings)
    typer.echo(f"{data}: {rejected} findings to reject, {len(findings) - rejected} notes", err=True)
    if rejected:
        raise typer.Exit(BAD)


@app.command()
def tryon(
    person: Annotated[Path, typer.Option(help="Photo of a person, or a folder of them.")],
    garment: Annotated[Path, typer.Option(help="Photo of a garment, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="File (.png, .jpg) for one result, else a folder.")],
    mask: Annotated[
        Path | None,
        typer.Option(help="The garment's mask, or a folder of masks named like the garments."),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help='File with lines "person.jpg garment.jpg".')
    ] = None,
    model: Annotated[str, typer.Option(help="Model file, or models:/NAME@ALIAS.")] = CHAMPION,
) -> None:
    """Dress people in garments.

    With --pairs, each of its lines; else every person in every garment. Results in a folder are
    named PERSON__GARMENT.png. Without --mask the garment is told from its background. Pictures that
    cannot be used are named at the end, with exit code 1; the others are done.
    """
    from pfafn.inference import TryOn
    from pfafn.inference.folders import dress_all, jobs, report
    from pfafn.kit.heap import weights_apart

    todo = jobs(person, garment, mask, out, pairs)
    with weights_apart():
        loaded = TryOn.load(model)
    failures = dress_all(loaded, todo)
    typer.echo(f"{len(todo) - len(failures)} of {len(todo)} written to {out}")
    if failures:
        typer.echo(report(failures), err=True)
        raise typer.Exit(BAD)


@app.command("import-official")
def import_official(
    warp: Annotated[Path, typer.Option(help="Official warp checkpoint.")],
    gen: Annotated[Path, typer.Option(help="Official generator checkpoint.")],
    out: Annotated[Path, typer.Option(help="Our model file, .safetensors.")],
    height: Annotated[int, typer.Option(help="Pixels at which the model works.")] = 256,
    width: Annotated[int, typer.Option(help="Pixels at which the model works.")] = 192,
) -> None:
    """Turn two official PF-AFN checkpoints (student or tutor) into one of our model files."""
    from pfafn.weights.official_files import import_files

    card = import_files(warp, gen, out, (height, width))
    typer.echo(f"{out}: {card['role']}, for {height}x{width} pictures")


@app.command("export-official")
def export_official(
    model: Annotated[str, typer.Argument(help="Our model file, or models:/NAME@ALIAS.")],
    warp: Annotated[Path, typer.Option(help="Warp checkpoint to write.")],
    gen: Annotated[Path, typer.Option(help="Generator checkpoint to write.")],
) -> None:
    """Write a model as the two official checkpoints, names and order as published."""
    from pfafn.inference.deployed import locate
    from pfafn.weights.official_files import export_files

    export_files(locate(model), warp, gen)
    typer.echo(f"{warp}, {gen}")


@app.command()
def report(
    artifacts: Annotated[Path, typer.Argument(help="Where the stages wrote.")] = Path("artifacts"),
    link: Annotated[
        str, typer.Option(help="URL of the uploaded pictures; without it, their paths are shown.")
    ] = "",
) -> None:
    """Print the evaluation as Markdown: scores, the registry's decision, pictures."""
    from pfafn.evaluation.report import markdown
    from pfafn.registry.stamp import Stamp, decision

    root = artifacts.absolute().parent
    decided = decision(Stamp(root, root).read())
    typer.echo(markdown(artifacts / "evaluate", decided, link), nl=False)


@app.command()
def ui(
    prefect_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="By default 4200, or a free one.")
    ] = None,
    mlflow_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="By default 5000, or a free one.")
    ] = None,
) -> None:
    """Run the Prefect and MLflow pages and the scheduled retrainings, until Ctrl-C.

    Everything stays in the project and on this machine.
    """
    from flows.dvc import ROOT
    from flows.ui import run

    run(ROOT, prefect_port, mlflow_port)


@app.command()
def version() -> None:
    """The version of this program."""
    typer.echo(version_of("pfafn"))
