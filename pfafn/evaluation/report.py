"""The evaluation for people: a page that needs nothing beside it, and Markdown to paste."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from pfafn.evaluation.metrics import ABOUT, METRICS, MODELS, Metric, known
from pfafn.kit.files import require

TEMPLATES = Path(__file__).parent / "templates"
PICTURES = {"Try-ons, unpaired": "grid.png", "Training curves": "curves.png"}
PAGE = {"The whole report": "report.html"}


class Row(NamedTuple):
    """One model's scores as text."""

    model: str
    title: str
    scores: list[str]
    scored: int  # of how many pairs


class Table(NamedTuple):
    """The scores under one protocol: a row per model, a column per metric that any of them has."""

    protocol: str
    about: str
    pairs: int
    metrics: dict[str, Metric]
    rows: list[Row]


def html(folder: Path) -> str:
    """The page for an evaluation folder that holds metrics.json, protocol.json and the pictures."""
    pictures = {
        title: base64.b64encode(file.read_bytes()).decode()
        for title, file in there(folder, PICTURES).items()
    }
    return rendered("report.html", **contents(folder), pictures=pictures, metrics=METRICS)


def markdown(folder: Path, decided: str, link: str = "") -> str:
    """Tables, the gate's decision and the pictures of an evaluation folder.

    decided: what the registry made of it, in words; link: where the pictures were uploaded
    to, else they are shown by their paths. Raises MissingInput if the evaluation has not run.
    """
    pictures = rendered("pictures.md", pictures=there(folder, PICTURES | PAGE), link=link)
    return f"{evaluation(folder, decided)}\n\n{pictures}"


def evaluation(folder: Path, decided: str) -> str:
    """The same without the pictures."""
    return rendered("evaluation.md", **contents(folder), decided=decided).rstrip("\n")


def contents(folder: Path) -> dict[str, Any]:
    """What both forms show: the protocol, and a table for each one that was evaluated."""
    metrics = json.loads(require(folder / "metrics.json", "evaluate").read_text())
    protocol = json.loads(require(folder / "protocol.json", "evaluate").read_text())
    tables = [
        table(name, metrics[name], metrics["counts"][name]) for name in ABOUT if name in metrics
    ]
    return {"protocol": protocol, "tables": tables}


def table(protocol: str, of_models: dict[str, dict[str, float]], counts: dict[str, int]) -> Table:
    """The table of a protocol.

    of_models: scores by metric for each of MODELS that has any; counts: the pairs, and how many of
    them each model has scores of.
    """
    shown = known(of_models)
    rows = []
    for model, title in MODELS.items():
        scores = of_models.get(model, {})
        texts = [metric.text(scores.get(name)) for name, metric in shown.items()]
        rows.append(Row(model, title, texts, counts.get(model, 0)))
    return Table(protocol, ABOUT[protocol], counts["pairs"], shown, rows)


def there(folder: Path, names: dict[str, str]) -> dict[str, Path]:
    """Title -> file, of those that the evaluation has left."""
    files = {title: folder / name for title, name in names.items()}
    return {title: file for title, file in files.items() if file.is_file()}


def rendered(template: str, **content: Any) -> str:
    return environment().get_template(f"{template}.jinja").render(content)


@cache
def environment() -> Environment:
    """Where templates come from; what they show is escaped in HTML, and has to be there."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html.jinja",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
