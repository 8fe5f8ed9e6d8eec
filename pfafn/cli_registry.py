"""`pfafn registry`: which models there are, which one is champion, and what made it."""

import json
import re
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

app = typer.Typer(
    help="Models in the registry: list, show, promote, rollback, sync.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
HASH = re.compile(r"[0-9a-f]{40,}")
CHAMPION = "models:/pfafn-student@champion"
HEADLINE = ("unpaired.psnr_clothes", "paired.ssim")  # `show` has all scores


@app.command("list")
def list_versions(as_json: Json = False) -> None:
    """All versions of student and tutor, newest first."""
    from pfafn import registry

    found = registry.listing()
    if as_json:
        return _print_json(found)
    names = [Column(name, no_wrap=True) for name in ("model", "version", "aliases")]
    scores = [name.replace(".", "\n") for name in HEADLINE]
    table = Table(*names, *scores, "data", "commit", box=SIMPLE)
    for version in found:
        numbers = [_number(version["scores"].get(name)) for name in HEADLINE]
        lineage = version["lineage"]
        table.add_row(
            version["name"],
            str(version["version"]),
            ", ".join(version["aliases"]),
            *numbers,
            lineage.get("data.md5", "")[:8],
            lineage.get("git.commit", "")[:8],
        )
    return Console().print(table)


@app.command()
def show(
    uri: Annotated[str, typer.Argument(help="models:/NAME@ALIAS or models:/NAME/N.")] = CHAMPION,
    as_json: Json = False,
) -> None:
    """One version: aliases, scores, why the gate chose so, lineage, files."""
    from pfafn import registry

    version = registry.describe(uri)
    if as_json:
        return _print_json(version)
    aliases = ", ".join(version["aliases"]) or "no alias"
    title = f"{version['name']} version {version['version']} ({aliases})"
    table = Table("", Column("", overflow="fold"), title=title, show_header=False)
    table.add_row("created", version["created"])
    for group in ("scores", "gate", "choice", "lineage", "sources"):
        table.add_section()
        for name, value in version[group].items():
            table.add_row(name, _number(value) if isinstance(value, float) else _short(value))
    return Console().print(table)


Reason = Annotated[str, typer.Option(help="Why; kept with the version.")]


@app.command()
def promote(
    uri: Annotated[str, typer.Argument(help="models:/pfafn-student/N or @challenger.")],
    reason: Reason = "",
    force: Annotated[bool, typer.Option("--force", help="Even if it was never evaluated.")] = False,
    as_json: Json = False,
) -> None:
    """Make a version the champion by hand, whatever the gate said."""
    from pfafn import registry

    _print_change(registry.promote(uri, reason, force), as_json)


@app.command()
def rollback(reason: Reason = "", as_json: Json = False) -> None:
    """Make the champion before this one champion again."""
    from pfafn import registry

    _print_change(registry.rollback(reason), as_json)


@app.command()
def sync(as_json: Json = False) -> None:
    """Make the registry agree with dvc.lock and artifacts/; rebuilds a deleted one."""
    from pfafn import registry

    outcome = registry.sync()
    if as_json:
        return _print_json(outcome._asdict())
    return typer.echo(str(outcome))


def _print_change(change: Any, as_json: bool) -> None:
    if as_json:
        return _print_json(change._asdict())
    return typer.echo(str(change))


def _short(value: str) -> str:
    """A long hash by its beginning, anything else as it is; `--json` has them whole."""
    return value[:12] if HASH.fullmatch(value) else value


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, sort_keys=True))
