"""`pfafn registry`: which models there are, which one is champion, and what made it."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from pfafn import registry
from pfafn.evaluation.metrics import DECISIVE, METRICS
from pfafn.registry import CHALLENGER, CHAMPION

app = typer.Typer(
    help="Models in the registry: list, show, compare, promote, rollback, sync.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
HASH = re.compile(r"[0-9a-f]{32,}(\.dir)?")
WHICH = "champion, challenger, 3, tutor/2, or models:/NAME@ALIAS."


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
    titles = [METRICS[name.rpartition(".")[2]].title.split(",")[0] for name in DECISIVE]
    columns = ("version", "registered", "is", *titles, "on")
    table = Table(
        *(Column(name, no_wrap=True) for name in columns),
        Column("made from", overflow="fold"),
        box=SIMPLE,
    )
    for version in versions:
        made_from = (version["lineage"].get(name, "") for name in ("profile", "git.commit"))
        table.add_row(
            f"{version['name'].removeprefix('pfafn-')} {version['version']}",
            version["created"][:10],
            "lost" if version["lost"] else ", ".join(version["aliases"]),
            *(_score(name, version["scores"].get(name)) for name in DECISIVE),
            version["scored"].get("on", "")[:4],
            " ".join(_short(text, 7) for text in made_from if text),
        )
    console = Console(highlight=False)
    console.print(table)
    on = {v["scored"]["on"][:4]: _about(v["scored"]) for v in reversed(versions) if v["scored"]}
    console.print(f"{titles[0]} is {DECISIVE[0]}, {titles[1]} is {DECISIVE[1]}; compare only "
                  "scores that were made *on* the same:")  # fmt: skip
    for name, about in on.items():
        console.print(f"  {name}  {about}")
    return None


@app.command()
def show(
    uri: Annotated[str, typer.Argument(metavar="VERSION", help=WHICH)] = CHAMPION,
    as_json: Json = False,
) -> None:
    """One version: scores, who decided what and why, what made it, its files."""
    version = registry.describe(uri)
    if as_json:
        return _print_json(version)
    console = Console(highlight=False)
    aliases = ", ".join(version["aliases"]) or "no alias"
    console.print(f"{version['name']} version {version['version']} ({aliases})", style="bold")
    if version["lost"]:
        return console.print("Lost: no file in decisions/ says how it was made.")
    console.print(f"registered {_time(version['created'])}")
    for group, by in (("gate", "the gate"), ("choice", version["choice"].get("by", ""))):
        if said := version[group]:
            outcome = f"{said['outcome']}: " if "outcome" in said else ""
            console.print(f"{_time(said.get('at', ''))} {by}: {outcome}{said['reason']}")
    for name, group in (
        ("scores", {n: _score(n, value) for n, value in version["scores"].items()}),
        ("scored", {"on": _about(version["scored"])} if version["scored"] else {}),
        ("made of", {n: _short(value) for n, value in version["lineage"].items()}),
        ("files", version["sources"]),
    ):
        table = Table(Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False,
                      title=name, title_justify="left", padding=(0, 2))  # fmt: skip
        for row in group.items():
            table.add_row(*row)
        console.print("", table if group else "")
    return None


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="VERSION", help=WHICH)] = CHALLENGER,
    b: Annotated[str, typer.Argument(metavar="OTHER", help="Compared with it.")] = CHAMPION,
    as_json: Json = False,
) -> None:
    """Two versions side by side: scores, how sure the difference is, what made them differ."""
    comparison = registry.compare(a, b)
    if as_json:
        return _print_json(comparison)
    console = Console(highlight=False)
    titles = [_title(comparison[side]) for side in ("a", "b")]
    scores = Table("", *(Column(title, justify="right") for title in titles), "", box=SIMPLE)
    for name, values in comparison["scores"].items():
        numbers = [_score(name, values[side]) for side in ("a", "b")]
        scores.add_row(name, *numbers, _better(name, values["difference"]))
    on = [_about(comparison[side]["scored"]) for side in ("a", "b")]
    if on[0] != on[1]:
        scores.add_section()
        scores.add_row("scored on", *on, "not the same")
    console.print(scores)
    console.print(_gain(comparison))
    params = {n: v for n, v in comparison["differs"].items() if n.startswith("params.")}
    others = {n: v for n, v in comparison["differs"].items() if n not in params}
    for heading, differing in (("params that differ", params), ("what else differs", others)):
        columns = (Column(title, overflow="fold") for title in titles)
        table = Table(Column(heading, overflow="fold"), *columns, box=SIMPLE)
        for name, values in differing.items():
            table.add_row(name.removeprefix("params."), *(_short(values[s]) for s in ("a", "b")))
        if differing:
            console.print(table)
    if not comparison["differs"]:
        console.print("They were made from the same.")
    return None


def _title(version: Mapping[str, Any]) -> str:
    name = version["uri"].removeprefix("models:/pfafn-").replace("/", " ")
    return "\n".join([name, *version["aliases"]])


def _gain(comparison: Mapping[str, Any]) -> str:
    """One sentence: the gate's metric, how much better or worse the first is, and how surely."""
    gain, note = comparison["gain"], comparison["note"]
    if gain is None:
        return f"{comparison['metric']} cannot be compared pair by pair: {note}"
    word = "better" if gain["mean"] >= 0 else "worse"
    low, high = sorted((gain["low"], gain["high"]), key=abs)
    if gain["low"] * gain["high"] < 0:  # it may be either
        interval = f"anything from {-gain['low']:.4g} worse to {gain['high']:.4g} better"
    else:
        interval = f"{abs(low):.4g} to {abs(high):.4g} {word}"
    said = (
        f"{comparison['metric']}: {word} by {abs(gain['mean']):.4g} over {gain['pairs']} pairs, "
        f"with {gain['level']:.0%} certainty {interval}"
    )
    return f"{said}; {note}" if note else said


Reason = Annotated[str, typer.Option(help="Why; kept with the version.")]


@app.command()
def promote(
    uri: Annotated[str, typer.Argument(metavar="VERSION", help="challenger, or a number.")],
    reason: Reason = "",
    force: Annotated[bool, typer.Option("--force", help="Even if it was never evaluated.")] = False,
    as_json: Json = False,
) -> None:
    """Make a version the champion by hand, whatever the gate said."""
    _print_done(registry.promote(uri, reason, force), as_json)


@app.command()
def rollback(reason: Reason = "", as_json: Json = False) -> None:
    """Make the champion before this one champion again; once more, the one before that."""
    _print_done(registry.rollback(reason), as_json)


@app.command()
def sync(as_json: Json = False) -> None:
    """Make the registry agree with dvc.lock and artifacts/; rebuilds a deleted one."""
    _print_done(registry.sync(), as_json)


def _print_done(done: Any, as_json: bool) -> None:
    if as_json:
        return _print_json(done._asdict())
    return typer.echo(str(done))


def _short(value: str, length: int = 12) -> str:
    """A long hash by its beginning, anything else as it is; `--json` has them whole."""
    return value[:length] if HASH.fullmatch(value) else value


def _time(iso: str) -> str:
    return iso[:16].replace("T", " ")


def _about(scored: Mapping[str, Any]) -> str:
    """What a version was scored on: how many persons of which size, and which pairs."""
    size = "x".join(str(length) for length in scored.get("image", ()))
    said = (
        f"{scored['persons']} persons" if "persons" in scored else "",
        size,
        f"pairs {str(scored.get('pairs', ''))[:6]}",
        f"pictures {str(scored['pictures'])[:6]}" if "pictures" in scored else "",
        f"by code {scored['code'][:6]}" if scored.get("code") else "",
    )
    return ", ".join(filter(None, said))


def _score(name: str, value: float | None) -> str:
    return "" if value is None else METRICS[name.rpartition(".")[2]].text(value)


def _better(name: str, difference: float | None) -> str:
    """How much better or worse the first score is than the second."""
    if difference is None:
        return ""
    metric = METRICS[name.rpartition(".")[2]]
    if metric.text(abs(difference)) == metric.text(0.0):
        return "the same"
    word = "better" if (difference > 0) == metric.higher_is_better else "worse"
    return f"{word} by {metric.text(abs(difference))}"


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, sort_keys=True))
