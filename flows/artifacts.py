"""What people see of a retraining in the Prefect UI: its stages, its result, its pictures."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from pfafn import registry
from pfafn.chronicle.standing import Outcome, decision, standing
from pfafn.evaluation.metrics import METRICS
from pfafn.evaluation.report import evaluation
from pfafn.kit.errors import public
from pfafn.registry.store import PAGES, VIEW, RegistryError

STUDENT = "models:/pfafn-student/{}"
PREVIOUS = "models:/pfafn-student@previous"
PICTURE_WIDTH = 1200  # pixels
FAILED, NOT_RUN = "failed or stopped", "not run"


def show_stages(runs: Sequence[tuple[str, str, float]], wanted: Sequence[str]) -> None:
    """The wanted stages with outcome and seconds; the first one without a run is what failed."""
    missing = wanted[len(runs) :]
    rest = [(stage, NOT_RUN if place else FAILED, "") for place, stage in enumerate(missing)]
    columns = ("stage", "outcome", "seconds")
    table = [dict(zip(columns, row, strict=True)) for row in [*runs, *rest]]
    create_table_artifact(table, key="stages", description="What each stage did.")


def show_result(project: Path, root: Path) -> str:
    """The gate's decision, the student against the champion, all scores, and the pictures.

    What the project at root, or its copy, has; nothing if it was not evaluated yet. Returns the
    decision in words, "" if there is none.
    """
    folder = project / "artifacts/evaluate"
    if not (folder / "metrics.json").is_file():
        return ""
    outcome = standing(project, root)
    create_markdown_artifact(result(folder, outcome), key="result", description=decision(outcome))
    if (folder / "grid.png").is_file():
        create_image_artifact(
            data_url(folder / "grid.png"), key="grid", description="Try-ons of test persons."
        )
    return decision(outcome) if outcome else ""


def result(folder: Path, outcome: Outcome | None) -> str:
    """The evaluation as Markdown, and, if the registry agrees with it, the student's rivals."""
    parts = [evaluation(folder, decision(outcome))]
    if outcome and outcome.student:
        student = registry.describe(STUDENT.format(outcome.student))
        parts += [against(student, rival(outcome)), links(student)]
    return "\n\n".join(parts)


def rival(outcome: Outcome) -> dict[str, Any] | None:
    """Whom to compare a student with: the champion, or the one before if it is the champion."""
    of_another = outcome.champion and outcome.champion != outcome.student
    uri = STUDENT.format(outcome.champion) if of_another else PREVIOUS
    try:
        return registry.describe(uri)
    except RegistryError:
        return None  # the first champion


def against(student: dict[str, Any], other: dict[str, Any] | None) -> str:
    """A table of the scores that both versions have."""
    if other is None:
        return "There is no other champion to compare with."
    shared = [name for name in student["scores"] if name in other["scores"]]
    lines = [
        f"| | version {student['version']} | version {other['version']} | difference |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name in shared:
        metric = METRICS[name.rpartition(".")[2]]
        new, old = student["scores"][name], other["scores"][name]
        values = (metric.text(value) for value in (new, old, new - old))
        lines.append(f"| {name} | {' | '.join(values)} |")
    title = f"### Against version {other['version']} ({', '.join(other['aliases'])})"
    protocols = {version["lineage"].get("evaluation.protocol") for version in (student, other)}
    warning = (
        ""
        if len(protocols) == 1
        else "\n\nThey were scored on different pictures: no fair comparison."
    )
    return f"{title}{warning}\n\n" + "\n".join(lines)


def links(student: dict[str, Any]) -> str:
    """Where MLflow has the version and its run: links if it is known where MLflow is served."""
    base = public(os.environ.get(PAGES, "")).rstrip("/")
    name, version = student["name"], student["version"]
    run, experiment = student["sources"]["run"], student["sources"]["experiment"]
    if not base:
        return f"MLflow: `{student['uri']}`, run `{run}`."
    return (
        f"MLflow: [{name} version {version}]({base}/#/models/{name}/versions/{version}{VIEW}), "
        f"[its run]({base}/#/experiments/{experiment}/runs/{run}{VIEW})."
    )


def data_url(picture: Path) -> str:
    """A picture as a JPEG in a data URL, at most PICTURE_WIDTH wide, so that it needs no server."""
    image = cv2.imread(str(picture))
    if (scale := PICTURE_WIDTH / image.shape[1]) < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"
