"""`pfafn synth | adopt | check`: data sets, and pictures."""

import json
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from pfafn.doctor.findings import Kind
from pfafn.kit.errors import BAD, UserError

if TYPE_CHECKING:
    from pfafn.doctor.verdict import Verdict

WIDTH = 80  # columns

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
    data: Annotated[list[Path], typer.Argument(help="A data folder, or picture files.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per finding and line.")
    ] = False,
    params: Annotated[
        Path | None, typer.Option(help="Whose `prepare` decides; ./params.yaml if there is one.")
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--as", help="What pictures are; auto: what each seems to be.")
    ] = Kind.AUTO,
    mask: Annotated[Path | None, typer.Option(help="The mask of a garment's picture.")] = None,
) -> None:
    """Look into every file of a data set and say what `prepare` would leave out, and why.

    Of pictures, say what a try-on can make of each and what to do about it. Exit code 1 if anything
    would be rejected or refused, or if no person can be used.
    """
    from pfafn.photos.opening import is_picture_name

    if len(data) == 1 and not (data[0].is_file() or is_picture_name(data[0].name)):
        check_set(data[0], as_json, params)
    else:
        check_pictures(data, kind, mask, as_json)


def check_set(data: Path, as_json: bool, params: Path | None) -> None:
    """What `prepare` would leave out of a data set; exit code as of `check`."""
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


def check_pictures(files: list[Path], kind: Kind, mask: Path | None, as_json: bool) -> None:
    """What the doctor finds of pictures; exit code 1 if one is refused."""
    from pfafn.doctor.verdict import examine
    from pfafn.estimators.people import people

    if folder := next((file for file in files if file.is_dir()), None):
        raise UserError(f"{folder} is a folder: name one data folder alone, or picture files")
    if mask and len(files) > 1:
        raise UserError(f"--mask is of one picture, and {len(files)} are named")
    who = people()
    verdicts = []
    for file in files:
        verdicts.append(verdict := examine(file, kind, who, mask))
        if as_json:
            told = {"file": str(file), "as": verdict.kind}
            for finding in verdict.findings:
                typer.echo(json.dumps(finding.as_json() | told, sort_keys=True))
        else:
            typer.echo("\n".join(table(verdict)))
    usable = sum(verdict.usable for verdict in verdicts)
    typer.echo(f"{usable} of {len(files)} pictures can be used", err=True)
    if usable < len(files):
        raise typer.Exit(BAD)


def table(verdict: "Verdict") -> list[str]:
    """A verdict as lines of WIDTH columns: severity, finding, what it says and what to do."""
    use = "can be used" if verdict.usable else "cannot be used"
    lines = [f"{verdict.file} ({verdict.kind}): {use}"]
    for finding in verdict.findings:
        first = f"  {finding.severity:<8}{finding.name:<18}"
        for text, sign in ((finding.text, ""), (finding.changed, ""), (finding.remedy, "-> ")):
            if text:
                rest = " " * len(first)
                lines += wrap(sign + text, WIDTH, initial_indent=first, subsequent_indent=rest)
                first = rest
    return lines
