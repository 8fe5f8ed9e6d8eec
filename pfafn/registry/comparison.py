"""Two versions side by side: scores, how sure their difference is, and what made them differ."""

from pathlib import Path
from typing import Any, NamedTuple

from mlflow.entities.model_registry import ModelVersion

from pfafn.registry import gate, runs
from pfafn.registry.look import summary
from pfafn.registry.store import Store

LEVEL = round(2 * gate.CONFIDENCE - 1, 6)  # of the interval from low to high
OF_THE_RUN = frozenset({"evaluation.run"})  # lineage that differs between equal models


class Sureness(NamedTuple):
    """The gate's metric, compared pair by pair."""

    metric: str
    gain: gate.Gain | None  # of the first over the second; None if they cannot be compared
    note: str  # what to know of it: why there is none, or what is not the same


def compare(store: Store, a: ModelVersion, b: ModelVersion, metric: str) -> dict[str, Any]:
    """Both versions, their scores, the gain of a over b, and the lineage that differs."""
    both = [summary(store, version) for version in (a, b)]
    of_a, of_b = (version["scores"] for version in both)
    scores = {name: {"a": of_a.get(name), "b": of_b.get(name)} for name in sorted({*of_a, *of_b})}
    for values in scores.values():
        known = None not in values.values()
        values["difference"] = values["a"] - values["b"] if known else None
    sure = sureness(store, a, b, metric)
    made = [_made_of(store, version, shown) for version, shown in zip((a, b), both, strict=True)]
    return {
        "a": {name: both[0][name] for name in ("uri", "aliases", "created")},
        "b": {name: both[1][name] for name in ("uri", "aliases", "created")},
        "scores": scores,
        "metric": sure.metric,
        "gain": sure.gain._asdict() | {"level": LEVEL} if sure.gain else None,
        "note": sure.note,
        "differs": {
            name: {"a": made[0].get(name, ""), "b": made[1].get(name, "")}
            for name in sorted({*made[0], *made[1]})
            if made[0].get(name) != made[1].get(name)
        },
    }


def sureness(store: Store, a: ModelVersion, b: ModelVersion, metric: str) -> Sureness:
    """Resample the differences of what both scored on, as the gate does."""
    tables: list[Path] = []
    for version in (a, b):
        table = runs.samples(store, version.tags.get("evaluation.run", ""))
        if table is None:
            gone = f"{version.name} version {version.version} has no per-sample scores"
            return Sureness(metric, None, gone)
        tables.append(table)
    try:
        first = gate.read(tables[0], metric, _role(a))
        second = gate.read(tables[1], first.metric, _role(b))
    except gate.GateError as error:
        return Sureness(metric, None, str(error))
    found = gate.gain(first, second)
    if found is None:
        return Sureness(first.metric, None, "they have no pair of person and garment in common")
    if a.tags.get("evaluation.protocol") != b.tags.get("evaluation.protocol"):
        note = (
            "they were evaluated on other data or by another protocol: the difference is over the "
            f"{found.pairs} pairs that have the same names in both, and says little"
        )
    elif not first.values.index.equals(second.values.index):
        sizes = f"{len(first.values)} and {len(second.values)}"
        note = f"only {found.pairs} pairs have a score from both, of {sizes}"
    else:
        note = ""
    return Sureness(first.metric, found, note)


def _role(version: ModelVersion) -> str:
    """What a model is called in the per-sample table."""
    return version.name.removeprefix("pfafn-")


def _made_of(store: Store, version: ModelVersion, shown: dict[str, Any]) -> dict[str, str]:
    """A version's lineage, and the params of the retraining that made it."""
    lineage = {k: v for k, v in shown["lineage"].items() if k not in OF_THE_RUN}
    parent = store.client.get_run(version.run_id).data.tags.get(runs.PARENT)
    params = store.client.get_run(parent).data.params if parent else {}
    own = {f"params.{k}": v for k, v in params.items() if not k.startswith("library.")}
    return lineage | own
