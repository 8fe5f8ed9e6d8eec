"""`pfafn tryon | import-official | export-official | export-onnx | report`: what models make."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pfafn.kit.errors import BAD
from pfafn.registry import CHAMPION

if TYPE_CHECKING:
    from pfafn.estimators.people import People
    from pfafn.inference.folders import Job

MANY = 10  # pictures


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
    model: Annotated[
        str, typer.Option(help="Model file, .onnx, or models:/NAME@ALIAS.")
    ] = CHAMPION,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Contact sheet (.png, .jpg) to write; several if it takes several."),
    ] = None,
    explain: Annotated[
        bool, typer.Option(help="Write into NAME.explain/ what each result is made of.")
    ] = False,
    preserve: Annotated[
        bool, typer.Option(help="Keep what the garment does not change as it is in the photo.")
    ] = True,
    frame: Annotated[
        bool,
        typer.Option(
            help="Show the model each person as its training photos do; needs `estimators fetch`."
        ),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per result and line.")
    ] = False,
) -> None:
    """Dress people in garments.

    With --pairs, each of its lines; else every person in every garment. Results in a folder are
    named PERSON__GARMENT.png. Without --mask the garment is told from its background. Pictures that
    cannot be used are named at the end, with exit code 1; the others are done. A note says what is
    doubtful or was left out. With --json each result is a line as soon as it is done, and the rest
    goes to standard error.
    """
    from pfafn.inference.folders import jobs, left_out, report
    from pfafn.inference.sheet import check_sheet, write_sheets

    todo = jobs(person, garment, mask, out, pairs)
    if sheet:
        check_sheet(sheet, todo)
    failures, notes = dressed(model, todo, explain, as_json, frame=frame, preserve=preserve)
    if pairs is None:
        notes += filter(None, map(left_out, dict.fromkeys((person, garment))))
    for text in notes:
        typer.echo(f"note: {text}", err=True)
    typer.echo(f"{len(todo) - len(failures)} of {len(todo)} written to {out}", err=as_json)
    if sheet:
        files = write_sheets(sheet, todo, failures)
        last = f" to {files[-1].name}" if len(files) > 1 else ""
        typer.echo(f"contact sheets: {len(files)}, {files[0]}{last}", err=as_json)
    if failures:
        typer.echo(report(failures), err=True)
        raise typer.Exit(BAD)


def looker() -> "People | None":
    """Who looks for people in photos, which needs torch; None where the models are not there."""
    from pfafn.estimators.people import people

    return people()


def dressed(
    model: str, todo: list["Job"], explain: bool, as_json: bool, *, frame: bool, **how: Any
) -> tuple[dict["Job", str], list[str]]:
    """Do the try-ons, telling of each as it is done; which failed and why, and all notes.

    frame: whether a pose frames the person, if anybody knows it; how: further arguments of
    `dress_all`.
    """
    from pfafn.doctor.verdict import warned
    from pfafn.inference.account import Account
    from pfafn.inference.folders import dress_all

    loaded = load(model, many=len(todo) >= MANY, explain=explain)
    account = Account()

    def tell(job: "Job", error: str | None) -> None:
        if as_json:
            typer.echo(account.line(job, error))

    def beside(job: "Job", *pair: Any) -> None:
        from pfafn.inference.explain import explain as write_explanation

        write_explanation(loaded, job, *pair, account.of(job))

    explained = beside if explain else None
    who = None if Path(model).suffix == ".onnx" else looker()
    failures = dress_all(
        loaded, todo, account.note, tell, explained,
        pose=who.pose if who and frame else None,
        judge=lambda photo: warned(photo, who, loaded.size),
        **how,
    )  # fmt: skip
    return failures, account.all()


def load(model: str, many: bool, explain: bool) -> Any:
    """What dresses people by a model; an ONNX file is loaded without torch, and explains nothing.

    many: whether it is worth half a second to look who else computes here.
    """
    from pfafn.kit import threads
    from pfafn.kit.errors import ModelError
    from pfafn.kit.heap import weights_apart
    from pfafn.portable.tryon import OnnxTryOn, is_portable

    if is_portable(model):
        if explain:
            raise ModelError(f"{model}: --explain needs the model file that it was made of")
        return OnnxTryOn.load(model)
    from pfafn.inference import TryOn

    if many:
        with threads.choosing():
            threads.settle(lambda count: False)
    with weights_apart():
        return TryOn.load(model)


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


def export_onnx(
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    model: Annotated[str, typer.Option(help="Model file, or models:/NAME@ALIAS.")] = CHAMPION,
) -> None:
    """Write a student as one ONNX file, checked against torch: bytes of pictures in and out."""
    from pfafn.inference.deployed import locate
    from pfafn.portable.export import export

    card = export(locate(model), out)
    height, width = card["image"]
    typer.echo(
        f"{out}: for {height}x{width} pictures; off by at most {card['largest_error']:.1e} on "
        "[-1, 1] in batches of 1, 2 and 5, flows that leave the picture among them"
    )


def report(
    artifacts: Annotated[Path, typer.Argument(help="Where the stages wrote.")] = Path("artifacts"),
    link: Annotated[
        str, typer.Option(help="URL of the uploaded pictures; without it, their paths are shown.")
    ] = "",
    page: Annotated[
        Path | None, typer.Option("--html", help="Write a page instead, pictures included.")
    ] = None,
) -> None:
    """Print the evaluation as Markdown: scores, the registry's decision, pictures."""
    from pfafn.chronicle import record
    from pfafn.chronicle.standing import decision, standing
    from pfafn.evaluation.report import facts, html, markdown
    from pfafn.kit.files import write_text
    from pfafn.params.profiles import made_with

    root = artifacts.absolute().parent
    decided = decision(standing(root))
    folder = artifacts / "evaluate"
    params = made_with(record.params_of(root), root)
    if page:
        return write_text(page, html(folder, facts(folder, decided) | {"Params": params}))
    return typer.echo(f"{markdown(folder, decided, link)}\n\nMade with {params}.")
