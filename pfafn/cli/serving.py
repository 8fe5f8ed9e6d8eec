"""`pfafn serve`: the page and the API."""

from pathlib import Path
from typing import Annotated

import typer

from pfafn.kit import heap
from pfafn.kit.errors import UserError
from pfafn.registry import CHAMPION


class ExtraMissing(UserError, ImportError):
    """An optional part is not installed; the message says how to install it."""


def serve(
    model: Annotated[str, typer.Option(help="Model file, or models:/NAME@ALIAS.")] = CHAMPION,
    host: Annotated[str, typer.Option(help="0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    gallery: Annotated[
        Path | None,
        typer.Option(help="Folder with persons/ and garments/; by default the test set."),
    ] = None,
    watch: Annotated[float, typer.Option(min=0.1, help="Seconds between looks at the alias.")] = 5,
    together: Annotated[int, typer.Option(min=1, help="Try-ons computed together.")] = 32,
    requests: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 64,
    megabytes: Annotated[int, typer.Option(min=1, help="Of one request.")] = 32,
    seconds: Annotated[float, typer.Option(min=0.1, help="Until an answer.")] = 60,
    grace: Annotated[float, typer.Option(min=0, help="Seconds to finish in when stopped.")] = 30,
) -> None:
    """Serve try-ons: a page at /, an API described at /docs.

    A new champion is loaded, tried and swapped in while the old one serves. Nothing of a picture is
    kept on disk. SIGTERM and Ctrl-C finish what is accepted; a second one ends at once.
    """
    heap.shared()
    try:
        from pfafn.serving.refusals import Bounds
        from pfafn.serving.server import run
    except ImportError as error:
        raise ExtraMissing(
            f"`pfafn serve` needs {error.name}, which is not installed: "
            "run `pip install 'pfafn[serve]'`"
        ) from error
    bounds = Bounds(megabytes=megabytes, requests=requests, seconds=seconds, together=together)
    run(model, host, port, gallery, bounds, watch, grace)
