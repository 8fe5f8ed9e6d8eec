"""The registry, read: plain dictionaries for tables and JSON."""

from collections import Counter
from typing import Any

from mlflow.entities.model_registry import ModelVersion

from pfafn.evaluation.confidence import LEVEL, UnknownMetric, gain, read
from pfafn.registry import mirror, versions
from pfafn.registry.store import RegistryError, Store, local_path

ORIGINS = {"data": "data.md5", "commit": "git.commit"}  # what to look models up by -> their tag


def list_all(store: Store, **wanted: str) -> list[dict[str, Any]]:
    """Every version of both models, student first, newest first.

    wanted: only those whose data or commit (the keys of ORIGINS) begins so; "" is any. Raises
    RegistryError if there is none, naming what there is.
    """
    found = [
        version
        for name in (versions.STUDENT, versions.TUTOR)
        for version in store.client.search_model_versions(f"name='{name}'")
    ]
    for origin, prefix in wanted.items():
        there = Counter(version.tags.get(ORIGINS[origin], "") for version in found)
        found = [v for v in found if v.tags.get(ORIGINS[origin], "").startswith(prefix.lower())]
        if prefix and not found:
            known = [f"{value} ({count})" for value, count in sorted(there.items()) if value]
            raise RegistryError(
                f"no version has a {origin} that begins with {prefix!r}; there are (versions): "
                + (", ".join(known) or "none")
            )
    ordered = sorted(found, key=lambda v: (v.name, -int(v.version)))
    return [summary(store, store.client.get_model_version(v.name, v.version)) for v in ordered]


def summary(store: Store, version: ModelVersion) -> dict[str, Any]:
    """One version as name, version, aliases, created, scores, gate, choice, lineage, sources."""
    tags = dict(version.tags)
    source = store.client.get_model_version_download_uri(version.name, version.version)
    files = local_path(source)
    return {
        "name": version.name,
        "version": int(version.version),
        "uri": f"models:/{version.name}/{version.version}",
        "aliases": sorted(version.aliases),
        "created": versions.registered_at(version),
        "scores": {name: float(value) for name, value in _group(tags, "score.").items()},
        "gate": {n: value for n, value in _group(tags, "gate.").items() if n != "question"},
        "choice": _group(tags, "choice."),
        "lineage": {
            name: value
            for name, value in sorted(tags.items())
            if not name.startswith(("score.", "gate.", "choice.", "registered."))
        },
        "sources": {
            "weights": str(files / "artifacts" / versions.WEIGHTS) if files else source,
            "run": version.run_id,
            "experiment": store.experiment,
            "evaluation": tags.get("evaluation.run", ""),
        },
    }


def compare(store: Store, a: ModelVersion, b: ModelVersion, metric: str) -> dict[str, Any]:
    """Both versions, their scores, the gain of a over b, and the lineage that differs."""
    both = [summary(store, version) for version in (a, b)]
    of_a, of_b = (version["scores"] for version in both)
    scores = {name: {"a": of_a.get(name), "b": of_b.get(name)} for name in sorted({*of_a, *of_b})}
    for values in scores.values():
        known = None not in values.values()
        values["difference"] = values["a"] - values["b"] if known else None
    made = [_made_of(store, version, shown) for version, shown in zip((a, b), both, strict=True)]
    return {
        "a": {name: both[0][name] for name in ("uri", "aliases", "created")},
        "b": {name: both[1][name] for name in ("uri", "aliases", "created")},
        "scores": scores,
        **_sureness(store, a, b, metric),
        "differs": {
            name: {"a": made[0].get(name, ""), "b": made[1].get(name, "")}
            for name in sorted({*made[0], *made[1]})
            if made[0].get(name) != made[1].get(name)
        },
    }


def _sureness(store: Store, a: ModelVersion, b: ModelVersion, metric: str) -> dict[str, Any]:
    """The metric and the gain in it, found as the gate does, over the pairs both scored on.

    gain: None if they cannot be compared; note: why not, or what is not the same.
    """
    tables = [mirror.samples(store, version.tags.get("evaluation.run", "")) for version in (a, b)]
    for version, table in zip((a, b), tables, strict=True):
        if table is None:
            gone = f"{version.name} version {version.version} has no per-sample scores"
            return {"metric": metric, "gain": None, "note": gone}
    try:
        first = read(tables[0], metric, versions.role(a))
        second = read(tables[1], first.metric, versions.role(b))
    except UnknownMetric as error:
        return {"metric": metric, "gain": None, "note": str(error)}
    over = gain(first, second)
    if over is None:
        note = "they have not two pairs in common"
        return {"metric": first.metric, "gain": None, "note": note}
    note = ""
    if not mirror.scored_alike(a, b):
        note = (
            "they were evaluated on other data or by other code: the difference is over the "
            f"{over.pairs} pairs that have the same names in both, and says little"
        )
    elif not first.values.index.equals(second.values.index):
        sizes = f"{len(first.values)} and {len(second.values)}"
        note = f"only {over.pairs} pairs have a score from both, of {sizes}"
    return {"metric": first.metric, "gain": over._asdict() | {"level": LEVEL}, "note": note}


def _made_of(store: Store, version: ModelVersion, shown: dict[str, Any]) -> dict[str, str]:
    """A version's lineage, and the params of the retraining that made it."""
    lineage = {k: v for k, v in shown["lineage"].items() if k != "evaluation.run"}
    parent = store.client.get_run(version.run_id).data.tags.get(mirror.PARENT)
    params = store.client.get_run(parent).data.params if parent else {}
    own = {f"params.{k}": v for k, v in params.items() if not k.startswith("library.")}
    return lineage | own


def _group(tags: dict[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in sorted(tags.items())
        if name.startswith(prefix)
    }
