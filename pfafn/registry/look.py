"""The registry, read: plain dictionaries for tables and JSON."""

from collections import Counter
from typing import Any

from mlflow.entities.model_registry import ModelVersion

from pfafn.registry import versions
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
    scores = _group(tags, "score.")
    source = store.client.get_model_version_download_uri(version.name, version.version)
    files = local_path(source)
    return {
        "name": version.name,
        "version": int(version.version),
        "uri": f"models:/{version.name}/{version.version}",
        "aliases": sorted(version.aliases),
        "created": versions.registered_at(version),
        "scores": {name: float(value) for name, value in scores.items()},
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


def _group(tags: dict[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in sorted(tags.items())
        if name.startswith(prefix)
    }
