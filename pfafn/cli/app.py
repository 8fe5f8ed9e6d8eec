"""`python -m pfafn VERB`: what users do with the project by hand.

What a verb needs is imported inside it, so that --help is instant.
"""

from importlib.metadata import version as version_of
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pfafn.cli import data, estimators, models, parser, registry, serving
from pfafn.kit.errors import BAD, UserError, permitted
from pfafn.registry.store import home
from pfafn.stages.workplace import check_folder


class Verbs(TyperGroup):
    """Shows a user's error as its message, without a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            check_folder()
            with permitted(home()):
                return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(BAD) from error


app = typer.Typer(
    cls=Verbs,
    name="pfafn",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(registry.app, name="registry")
app.add_typer(estimators.app, name="estimators")
for verb in (data.synth, data.adopt, data.check, models.tryon, models.import_official,
             models.export_official, models.export_onnx, models.report,
             parser.train_parser, serving.serve):  # fmt: skip
    app.command()(verb)


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


def _version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def common(
    asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show and exit.")
    ] = False,
) -> None:
    """Parser-free virtual try-on: data, try-on, checkpoints, registry."""
