"""Files of a retraining -> MLflow runs: a parent per retraining, a child per stage.

A run is found again by the key of what it shows, so mirroring twice changes nothing, and a stage
that DVC skipped keeps the run it has. A run counts once it is FINISHED: what an interrupted mirror
left behind is made anew. Lost artifacts are put back into their run.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag

from pfafn.registry.record import SAMPLES, Retraining, Stage
from pfafn.registry.store import Store, intact

KEY = "pfafn.key"
PARENT = "mlflow.parentRunId"  # what MLflow itself nests runs by
MOST_RUNS = 50_000  # MLflow's limits
METRICS_PER_CALL = 1000
PARAMS_PER_CALL = 100
LONGEST_PARAM = 6000


def mirror(
    store: Store, record: Retraining, origin: Mapping[str, str], at: int | None = None
) -> dict[str, str]:
    """Make the runs of a retraining exist; return stage name -> run id.

    origin: tags of the parent run that no file holds (a Prefect run id, an experiment's name).
    at: when it was mirrored first, in milliseconds since 1970; by default, that is now.
    """
    parent = find(store, record.key)
    parent_id = parent.info.run_id if parent else ""
    if not parent:
        parent_id = _start(store, "retrain", record.key, origin, at)
    children = {
        stage.name: ensure(store, stage, record.lineage(stage), parent_id)
        for stage in record.stages.values()
    }
    if not parent:
        tags = {**record.lineage(), **{f"run.{name}": run for name, run in children.items()}}
        _log(store, parent_id, record.params, {}, tags)
        if evaluate := record.stages.get("evaluate"):
            _log_metrics(store, parent_id, _finals(evaluate))
        store.client.set_terminated(parent_id, "FINISHED", at)
    return children


def ensure(store: Store, stage: Stage, tags: Mapping[str, str], parent_id: str) -> str:
    """The id of one stage's run, which is made if it is not there."""
    if found := find(store, stage.key):
        if not intact(found.info.artifact_uri):
            _fill(store, found.info.run_id, stage)
        return found.info.run_id
    ended = stage.ended
    started = ended - int(1000 * stage.provenance.get("seconds", 0))
    own = {PARENT: parent_id, "pfafn.stage": stage.name}
    run_id = _start(store, stage.name, stage.key, own, started)
    _log(store, run_id, stage.params, stage.provenance.get("libraries", {}), tags)
    _fill(store, run_id, stage)
    store.client.set_terminated(run_id, "FINISHED", ended)
    return run_id


def find(store: Store, key: str) -> Run | None:
    """The finished run with this key; deletes unfinished ones on the way."""
    found = store.client.search_runs([store.experiment], f"tags.`{KEY}` = '{key}'")
    good = [run for run in found if run.info.status == "FINISHED"]
    for run in found:
        if run not in good:
            store.client.delete_run(run.info.run_id)
    return good[0] if good else None


def parents(store: Store) -> dict[str, Run]:
    """The finished runs of whole retrainings by their keys."""
    found = store.client.search_runs(
        [store.experiment], "attributes.run_name LIKE 'retrain-%'", max_results=MOST_RUNS
    )
    good = [run for run in found if run.info.status == "FINISHED"]
    return {run.data.tags[KEY]: run for run in good if KEY in run.data.tags}


def samples(store: Store, run_id: str) -> Path | None:
    """A local file with the per-sample scores of an evaluation's run; None if they are gone."""
    if not run_id:
        return None
    uri = store.client.get_run(run_id).info.artifact_uri
    if not intact(f"{uri}/{SAMPLES}"):
        return None
    return Path(store.client.download_artifacts(run_id, SAMPLES))


def _fill(store: Store, run_id: str, stage: Stage) -> None:
    _log_metrics(store, run_id, [*_finals(stage), *_curve(stage)])
    for file in stage.files:
        store.client.log_artifact(run_id, str(file))


def _start(
    store: Store, name: str, key: str, tags: Mapping[str, str], started: int | None = None
) -> str:
    run = store.client.create_run(
        store.experiment, start_time=started, tags={KEY: key, **tags}, run_name=f"{name}-{key[:8]}"
    )
    return run.info.run_id


def _log(
    store: Store,
    run_id: str,
    params: Mapping[str, Any],
    libraries: Mapping[str, str],
    tags: Mapping[str, str],
) -> None:
    logged = [Param(name, str(value)[:LONGEST_PARAM]) for name, value in params.items()]
    logged += [Param(f"library.{name}", version) for name, version in libraries.items()]
    run_tags = [RunTag(name, value) for name, value in tags.items()]
    store.client.log_batch(run_id, tags=run_tags)
    for batch in _batches(logged, PARAMS_PER_CALL):
        store.client.log_batch(run_id, params=batch)


def _log_metrics(store: Store, run_id: str, metrics: Sequence[Metric]) -> None:
    for batch in _batches(metrics, METRICS_PER_CALL):
        store.client.log_batch(run_id, metrics=batch)


def _finals(stage: Stage) -> list[Metric]:
    return [Metric(name, value, stage.ended, 0) for name, value in stage.metrics.items()]


def _curve(stage: Stage) -> list[Metric]:
    return [Metric(name, value, stage.ended, step) for name, step, value in stage.curve()]


def _batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
