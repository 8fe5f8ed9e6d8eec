"""The evaluation as Markdown: for a pull request, a job's summary or a chat."""

import json
from pathlib import Path
from typing import Any

from pfafn.evaluation.metrics import ABOUT, NAMES, TITLES
from pfafn.evaluation.metrics import table as scored
from pfafn.kit.files import require

PICTURES = {
    "Try-ons, unpaired": "grid.png",
    "Training curves": "curves.png",
    "The whole report": "report.html",
}


def markdown(folder: Path, decided: str, link: str = "") -> str:
    """Tables, the gate's decision and the pictures of an evaluation folder.

    decided: what the registry made of it, in words; link: where the pictures were uploaded
    to, else they are shown by their paths. Raises MissingInput if the evaluation has not run.
    """
    return f"{evaluation(folder, decided)}\n\n{pictures(folder, link)}\n"


def evaluation(folder: Path, decided: str) -> str:
    """The same without the pictures."""
    metrics = json.loads(require(folder / "metrics.json", "evaluate").read_text())
    protocol = json.loads(require(folder / "protocol.json", "evaluate").read_text())
    height, width = protocol["image"]
    parts = [
        "## Try-on evaluation",
        f"{protocol['persons']} test persons at {height}×{width}, protocol {protocol['name']} "
        f"version {protocol['version']}, pair list `{protocol['pairs'][:12]}`, "
        f"pictures `{protocol['pictures'][:12]}`.",
        f"**Decision:** {decided}",
        *(table(name, metrics) for name in ABOUT if name in metrics),
    ]
    return "\n\n".join(parts)


def table(protocol: str, metrics: dict[str, Any]) -> str:
    """A protocol's scores: a row per model, a column per metric that any of them has."""
    shown, rows = scored(metrics[protocol])
    lines = [
        ["Model", *(TITLES[name] for name in shown)],
        ["---", *("---:" for _ in shown)],
        *([NAMES[model], *values] for model, values in rows.items()),
    ]
    title = f"### {protocol.capitalize()}, {metrics['counts'][protocol]['pairs']} pairs\n\n"
    return title + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def pictures(folder: Path, link: str) -> str:
    """The pictures there are: shown by their paths, or named in one link."""
    there = {title: folder / name for title, name in PICTURES.items() if (folder / name).is_file()}
    if link:
        return f"[{', '.join(path.name for path in there.values())}]({link})"
    return "\n\n".join(
        f"{'!' if path.suffix == '.png' else ''}[{title}]({path.as_posix()})"
        for title, path in there.items()
    )
