"""The registry, read: plain dictionaries for tables and JSON."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from pfafn.chronicle import record
from pfafn.chronicle.history import STUDENT, TUTOR
from pfafn.evaluation.confidence import LEVEL, UnknownMetric, gain, read
from pfafn.kit.files import MODEL
from pfafn.registry import aliases, mirror, versions
from pfafn.registry.store import RegistryError, Store, intact, local_path

ORIGINS = {"data": "data.md5", "commit": "git.commit"}  # what to look models up by -> their tag
SHARDS = "artifacts/fakes/shards"
DIRTY = "+dirty"  # behind a commit from which files had been changed


def list_all(store: Store, **wanted: str) -> list[dict[str, Any]]:
    """Every version of both models, student first, newest first.

    wanted: only those whose data or commit (the keys of ORIGINS) begins so; "" is any. Raises
    RegistryError if there is none, naming what there is.
    """
    found = [version for name in (STUDENT, TUTOR) for version in versions.all_of(store, name)]
    for origin, prefix in wanted.items():
        there = Counter(version.tags.get(ORIGINS[origin], "") for version in found)
        found = [v for v in found if v.tags.get(ORIGINS[origin], "").startswith(prefix.lower())]
        if prefix and not found:
            known = [f"{value} ({count})" for value, count in sorted(there.items()) if value]
            raise RegistryError(
                f"no version has a {origin} that begins with {prefix!r}; there are (versions): "
                + (", ".join(known) or "none")
            )
    return [summary(store, store.client.get_model_version(v.name, v.version)) for v in found]


def summary(store: Store, version: ModelVersion) -> dict[str, Any]:
    """One version: name, number, aliases, scores and on what, decisions, lineage, sources."""
    tags = dict(version.tags)
    source = versions.place(store, version)
    run = evaluation_of(store, version)
    scored = _scored(run) if run and run.data.tags.get(mirror.SCORED_BY) else {}
    parent = _parent(store, version)
    return {
        "name": version.name,
        "version": int(version.version),
        "uri": f"models:/{version.name}/{version.version}",
        "aliases": sorted(version.aliases),
        "lost": versions.LOST in tags,
        "created": tags.get(versions.REGISTERED) or _iso(version.creation_timestamp),
        "scores": mirror.scores_of(run.data.metrics, version.name) if run else {},
        "scored": scored,
        "gate": _group(tags, "gate."),
        "choice": _group(tags, "choice."),
        "lineage": _lineage(version, parent) | {"evaluation.protocol": scored.get("on", "")},
        "params": dict(parent.data.params) if parent else {},
        "sources": {
            "weights": _weights(source),
            "run": version.run_id or "",
            "experiment": store.experiment,
            "evaluation": tags.get("evaluation.run", ""),
        },
    }


def _weights(source: str) -> str:
    """The file of the weights, or where MLflow gets it from; "" of a file that is not there."""
    files = local_path(source)
    if files is None:
        return source
    weights = files / "artifacts" / MODEL
    return str(weights) if weights.is_file() else ""


def describe(store: Store, uri: str) -> dict[str, Any]:
    """The `summary` of one version."""
    return summary(store, versions.find(store, uri))


def compare(store: Store, first: str, second: str, metric: str) -> dict[str, Any]:
    """Both versions, their scores, the gain of a over b, and the params and lineage that differ."""
    a, b = (versions.find(store, uri) for uri in (first, second))
    both = [summary(store, version) for version in (a, b)]
    of_a, of_b = (version["scores"] for version in both)
    scores = {
        name: {"a": of_a.get(name), "b": of_b.get(name),
               "difference": of_a[name] - of_b[name] if name in of_a and name in of_b else None}
        for name in {**of_a, **of_b}
    }  # fmt: skip
    made = [{f"params.{n}": v for n, v in of["params"].items()} | of["lineage"] for of in both]
    shown = [{n: of[n] for n in ("uri", "aliases", "created", "scored")} for of in both]
    return {
        **dict(zip("ab", shown, strict=True)),
        "scores": scores,
        **_sureness(store, a, b, metric),
        "differs": _differing(*made),
    }


def evaluation_of(store: Store, version: ModelVersion) -> Run | None:
    """The run that gave a version the scores it has; None if it has none."""
    run = version.tags.get("evaluation.run")
    return store.client.get_run(run) if run else None


def _scored(run: Run) -> dict[str, Any]:
    """When an evaluation ended and on what; `on` is equal for scores that compare."""
    on = run.data.tags[mirror.SCORED_BY]
    code = _file(run, "provenance.json").get("code") or ""
    return {"at": _iso(run.info.end_time), "on": on, "code": code, **_file(run, "protocol.json")}


def _lineage(version: ModelVersion, parent: Run | None) -> dict[str, str]:
    """What a version was made from: its tags, and by all stages of the retraining that made it."""
    notes = (*aliases.NOTES, versions.REGISTERED, versions.LOST, versions.RUN)
    tags = {name: value for name, value in version.tags.items() if not name.startswith(notes)}
    if commit := tags.get("git.commit"):
        tags["git.commit"] = commit.removesuffix(DIRTY)
        tags["git.dirty"] = str(commit.endswith(DIRTY)).lower()
    if parent:
        made = record.of(_file(parent, mirror.TOLD).get("stages", {}), Path())
        tags |= {f"dvc.stage.{name}": stage.key for name, stage in made.stages.items()}
        tags["dvc.lock"] = made.key
        if shards := "fakes" in made.stages and made.stages["fakes"].outs.get(SHARDS):
            tags["fakes.md5"] = shards
    return dict(sorted(tags.items()))


def _parent(store: Store, version: ModelVersion) -> Run | None:
    """The run of the retraining that made a version."""
    made = version.run_id or version.tags.get(versions.RUN)
    run = store.client.get_run(made) if made else None
    parent = run and run.data.tags.get(mirror.PARENT)
    return store.client.get_run(parent) if parent else None


def _file(run: Run, name: str) -> dict[str, Any]:
    """A run's JSON file; empty if it has none."""
    uri = f"{run.info.artifact_uri}/{name}"
    return mlflow.artifacts.load_dict(uri) if intact(uri) else {}


def _sureness(store: Store, a: ModelVersion, b: ModelVersion, metric: str) -> dict[str, Any]:
    """The metric and the gain in it, found as the gate does, over the pairs both scored on.

    gain: None if they cannot be compared; note: why not, or what is not the same.
    """
    runs = [evaluation_of(store, version) for version in (a, b)]
    tables = [mirror.samples(store, run) for run in runs]
    found: dict[str, Any] = {"metric": metric, "gain": None}
    for version, table in zip((a, b), tables, strict=True):
        if table is None:
            gone = f"{version.name} version {version.version} has no per-sample scores"
            return found | {"note": gone}
    try:
        first = read(tables[0], metric, versions.role(a))
        second = read(tables[1], first.metric, versions.role(b))
    except UnknownMetric as error:
        return found | {"note": str(error)}
    found["metric"], over, note = first.metric, gain(first, second), ""
    if over is None:
        return found | {"note": "they have not two pairs in common"}
    if len({run.data.tags.get(mirror.SCORED_BY, run.info.run_id) for run in runs}) > 1:
        note = (
            "they were evaluated on other data or by other code: the difference is over the "
            f"{over.pairs} pairs that have the same names in both, and says little"
        )
    elif not first.values.index.equals(second.values.index):
        sizes = f"{len(first.values)} and {len(second.values)}"
        note = f"only {over.pairs} pairs have a score from both, of {sizes}"
    return found | {"gain": over._asdict() | {"level": LEVEL}, "note": note}


def _differing(a: dict[str, str], b: dict[str, str]) -> dict[str, dict[str, str]]:
    names = sorted({*a, *b})
    both = {name: {"a": a.get(name, ""), "b": b.get(name, "")} for name in names}
    return {name: values for name, values in both.items() if values["a"] != values["b"]}


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _group(tags: dict[str, str], prefix: str) -> dict[str, str]:
    found = sorted(tags.items())
    return {name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)}
