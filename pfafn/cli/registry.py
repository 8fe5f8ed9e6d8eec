"""`pfafn registry`: which models there are, which one is champion, and what made it."""

import json
import re
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from pfafn import registry
from pfafn.evaluation.metrics import DECISIVE
from pfafn.registry import CHALLENGER, CHAMPION

app = typer.Typer(
    help="Models in the registry: list, show, compare, promote, rollback, sync.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
HASH = re.compile(r"[0-9a-f]{40,}")


@app.command("list")
def list_versions(
    data: Annotated[str, typer.Option(help="Only those made from these photos: an md5.")] = "",
    commit: Annotated[str, typer.Option(help="Only those made by this commit of the code.")] = "",
    as_json: Json = False,
) -> None:
    """All versions of student and tutor, newest first. An md5 or commit may be its beginning."""
    versions = registry.listing(data, commit)
    if as_json:
        return _print_json(versions)
    names = [Column(name, no_wrap=True) for name in ("model", "version", "aliases")]
    scores = [name.replace(".", "\n") for name in DECISIVE]  # `show` has all scores
    table = Table(*names, *scores, "data", "commit", box=SIMPLE)
    for version in versions:
        numbers = [_number(version["scores"].get(name)) for name in DECISIVE]
        made_of = [version["lineage"].get(tag, "")[:8] for tag in ("data.md5", "git.commit")]
        aliases = ", ".join(version["aliases"])
        table.add_row(version["name"], str(version["version"]), aliases, *numbers, *made_of)
    return Console().print(table)


@app.command()
def show(
    uri: Annotated[str, typer.Argument(help="models:/NAME@ALIAS or models:/NAME/N.")] = CHAMPION,
    as_json: Json = False,
) -> None:
    """One version: aliases, scores, why the gate chose so, lineage, files."""
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


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="models:/NAME@ALIAS or models:/NAME/N.")] = CHALLENGER,
    b: Annotated[str, typer.Argument(help="What it is compared with.")] = CHAMPION,
    as_json: Json = False,
) -> None:
    """Two versions side by side: scores, how sure the difference is, what made them differ."""
    comparison = registry.compare(a, b)
    if as_json:
        return _print_json(comparison)
    titles = [_title(comparison[side]) for side in ("a", "b")]
    scores = Table("", *titles, "difference", box=SIMPLE)
    for name, values in comparison["scores"].items():
        numbers = [_number(values[side]) for side in ("a", "b")]
        scores.add_row(name, *numbers, _number(values["difference"], "+.4g"))
    lineage = Table("what differs", *(Column(t, overflow="fold") for t in titles), box=SIMPLE)
    for name, values in comparison["differs"].items():
        lineage.add_row(name, *(_short(values[side]) for side in ("a", "b")))
    console = Console()
    console.print(scores)
    console.print(_gain(comparison), soft_wrap=True, highlight=False)
    return console.print(lineage if comparison["differs"] else "They were made from the same.")


def _title(version: dict[str, Any]) -> str:
    return "\n".join([version["uri"].removeprefix("models:/"), *version["aliases"]])


def _gain(comparison: dict[str, Any]) -> str:
    """One sentence: the gate's metric, how much better the first is, and how sure that is."""
    gain, note = comparison["gain"], comparison["note"]
    if gain is None:
        return f"{comparison['metric']} cannot be compared pair by pair: {note}"
    interval = f"{gain['level']:.0%} between {gain['low']:+.4g} and {gain['high']:+.4g}"
    better = f"better by {gain['mean']:+.4g} over {gain['pairs']} pairs"
    said = f"{comparison['metric']}: {better}, {interval}"
    return f"{said}; {note}" if note else said


Reason = Annotated[str, typer.Option(help="Why; kept with the version.")]


@app.command()
def promote(
    uri: Annotated[str, typer.Argument(help="models:/pfafn-student/N or @challenger.")],
    reason: Reason = "",
    force: Annotated[bool, typer.Option("--force", help="Even if it was never evaluated.")] = False,
    as_json: Json = False,
) -> None:
    """Make a version the champion by hand, whatever the gate said."""
    _print_done(registry.promote(uri, reason, force), as_json)


@app.command()
def rollback(reason: Reason = "", as_json: Json = False) -> None:
    """Make the champion before this one champion again."""
    _print_done(registry.rollback(reason), as_json)


@app.command()
def sync(as_json: Json = False) -> None:
    """Make the registry agree with dvc.lock and artifacts/; rebuilds a deleted one."""
    _print_done(registry.sync(), as_json)


def _print_done(done: Any, as_json: bool) -> None:
    if as_json:
        return _print_json(done._asdict())
    return typer.echo(str(done))


def _short(value: str) -> str:
    """A long hash by its beginning, anything else as it is; `--json` has them whole."""
    return value[:12] if HASH.fullmatch(value) else value


def _number(value: float | None, shape: str = ".4g") -> str:
    return "" if value is None else f"{value:{shape}}"


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, sort_keys=True))
