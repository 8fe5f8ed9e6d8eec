"""`pfafn synth | adopt | check`: data sets."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pfafn.kit.errors import BAD, UserError

SHOWN = 20  # folders of files that were left out


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


def adopt(
    layout: Annotated[
        str, typer.Argument(help="viton, viton-resize, viton-hd, dresscode; or auto to look.")
    ],
    sources: Annotated[list[Path], typer.Argument(help="Folders, tars or zips, put together.")],
    out: Annotated[Path, typer.Option(help="New or empty data folder.")] = Path("data"),
) -> None:
    """Make the data folder from an existing data set; nothing is overwritten."""
    from pfafn.adoption.adopt import adopt as take_over
    from pfafn.kit.progress import Progress

    with Progress("adopt", 100, unit="%") as progress:
        done = take_over(
            layout, sources, out,
            lambda bytes_, total: progress.advance(steps=100 * bytes_ // total - progress.done),
        )  # fmt: skip
    for split, persons in done.persons.items():
        typer.echo(f"{out}: {split}: {persons} persons, {done.garments[split]} garments")
    left = [f"{name} ({files})" for name, files in done.ignored.items()]
    more = [f"and {len(left) - SHOWN} more folders"] if len(left) > SHOWN else []
    typer.echo(
        f"{done.files} files of layout {done.layout}; {sum(done.ignored.values())} others left out"
        + (f": {', '.join(left[:SHOWN] + more)}" if left else "")
    )


def check(
    data: Annotated[Path, typer.Argument(help="The data folder.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per finding and line.")
    ] = False,
    params: Annotated[
        Path | None, typer.Option(help="Whose `prepare` decides; ./params.yaml if there is one.")
    ] = None,
) -> None:
    """Look into every file of a data set and say what `prepare` would leave out, and why.

    Exit code 1 if anything would be rejected, or if no person can be used.
    """
    from pfafn.data.check import DEFAULTS
    from pfafn.data.check import check as examine
    from pfafn.params.file import FILE, Params

    rules, seed, annotated = DEFAULTS, 0, True
    if params is not None or FILE.is_file():
        read = Params.load(params or FILE)
        rules, seed, annotated = read.prepare, read.seed, not read.annotate.estimates
    findings = examine(data, rules, seed, annotated=annotated)
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
