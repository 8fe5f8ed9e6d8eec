"""The evaluation for people: a page that needs nothing beside it, and Markdown to paste."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from pfafn.evaluation.metrics import ABOUT, METRICS, MODELS, known
from pfafn.kit.files import MODEL, require

PICTURES = {"Try-ons, unpaired": "grid.png", "Training curves": "curves.png"}
PAGE = {"The whole report": "report.html"}


def html(folder: Path, facts: Mapping[str, str]) -> str:
    """The page for an evaluation folder that holds metrics.json, protocol.json and the pictures.

    facts: what else stands at its head, by name.
    """
    pictures = {
        title: base64.b64encode(file.read_bytes()).decode()
        for title, file in there(folder, PICTURES).items()
    }
    return rendered(
        "report.html", **contents(folder), facts=facts, pictures=pictures, metrics=METRICS
    )


def facts(folder: Path, decided: str) -> dict[str, str]:
    """Of which models an evaluation is, when and by which code it was made, what was decided.

    decided: as in `markdown`. Raises MissingInput if the evaluation has not run.
    """
    told = json.loads(require(folder / "provenance.json", "evaluate").read_text())
    origin = {"Commit": told["commit"] or "unknown", "Evaluated": told.get("ended", "unknown")}
    return models_of(told["inputs"]) | origin | {"Decision": decided}


def models_of(inputs: Mapping[str, str]) -> dict[str, str]:
    """The models among the files that were read, given with their hashes."""
    return {
        stage.partition("_")[0].capitalize(): f"{file}, SHA-256 {inputs[file][:12]}"
        for file in sorted(inputs)
        if file.endswith(f"_tryon/{MODEL}") and (stage := Path(file).parent.name)
    }


def markdown(folder: Path, decided: str, link: str = "") -> str:
    """Tables, the gate's decision and the pictures of an evaluation folder.

    decided: what the registry made of it, in words; link: where the pictures were uploaded to, else
    they are shown by their paths. Raises MissingInput if the evaluation has not run.
    """
    pictures = rendered("pictures.md", pictures=there(folder, PICTURES | PAGE), link=link)
    return f"{evaluation(folder, decided)}\n\n{pictures}"


def evaluation(folder: Path, decided: str) -> str:
    """The same without the pictures."""
    return rendered("evaluation.md", **contents(folder), decided=decided).rstrip("\n")


def contents(folder: Path) -> dict[str, Any]:
    """What both forms show: the protocol, and a table for each one that was evaluated.

    A table has a row for each of MODELS and a column for each metric that any of them has.
    """
    metrics = json.loads(require(folder / "metrics.json", "evaluate").read_text())
    protocol = json.loads(require(folder / "protocol.json", "evaluate").read_text())
    tables = [
        {
            "protocol": name,
            "about": about,
            "metrics": known(metrics[name]),
            "scores": metrics[name],
            "counts": metrics["counts"][name],
            "best": {
                one: metric.best(scores.get(one) for scores in metrics[name].values())
                for one, metric in known(metrics[name]).items()
            },
        }
        for name, about in ABOUT.items()
        if name in metrics
    ]
    return {"protocol": protocol, "models": MODELS, "tables": tables}


def there(folder: Path, names: dict[str, str]) -> dict[str, Path]:
    """Title -> file, of those that the evaluation has left."""
    files = {title: folder / name for title, name in names.items()}
    return {title: file for title, file in files.items() if file.is_file()}


def rendered(template: str, **content: Any) -> str:
    """A template filled in; what it shows is escaped in HTML, and has to be there."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(("html.jinja",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(f"{template}.jinja").render(content)
