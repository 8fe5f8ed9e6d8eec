"""One retraining's files -> MLflow: a run per stage below one of its own, and two versions.

A run is found again by the key of what it shows, so that mirroring twice changes nothing. It counts
once it is FINISHED: what was interrupted is made anew. Lost files are put back into their run.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag

from pfafn.chronicle.decisions import Fact
from pfafn.chronicle.history import MODELS, STUDENT, TUTOR, History
from pfafn.chronicle.record import SAMPLES, Retraining, Stage
from pfafn.evaluation.metrics import METRICS
from pfafn.registry import versions
from pfafn.registry.store import Store, intact

KEY = "pfafn.key"
STAGE = "pfafn.stage"  # which one a run is of; of a whole retraining, WHOLE
WHOLE = "retrain"
SCORED_BY = "evaluation.protocol"  # equal for evaluations whose scores compare
TOLD = "retraining.json"  # all that is known of what made a retraining, as a file of its run
PARENT = "mlflow.parentRunId"  # what MLflow itself nests runs by
NOTE = "mlflow.note.content"  # what MLflow shows as a description
MOST_RUNS = 50_000  # MLflow's limit


def mirror(store: Store, history: History, fact: Fact, retraining: Retraining) -> None:
    """Make runs and versions of a retraining exist; what is there stays as it is.

    retraining: that of the fact, with the files that were found.
    """
    stages = list(retraining.stages.values())
    profile = fact.content["origin"].get("profile", WHOLE).partition(",")[0]
    name = f"{profile} {fact.at:%m-%d %H:%M}"
    ran = [stage for stage in stages if not _begun(store, stage.key)] or stages  # DVC had others
    began, ended = min(stage.started for stage in ran), max(stage.ended for stage in ran)
    begun = _begun(store, retraining.key)[:1]  # what was interrupted goes on: others are below it
    done = [run for run in begun if run.info.status == "FINISHED"]
    parent_id = begun[0].info.run_id if begun else _start(store, name, began, retraining.key)
    runs = {
        stage.name: ensure_run(store, stage, retraining.lineage(stage), parent_id)
        for stage in stages
        if stage.name != "evaluate"
    }
    models = _versions(store, history, fact, retraining, runs)
    if evaluate := retraining.stages.get("evaluate"):
        runs["evaluate"] = ensure_run(store, evaluate, retraining.lineage(), parent_id, models)
    if not (done and intact(f"{done[0].info.artifact_uri}/{TOLD}")):
        made = [str(history.versions[n, v["sha256"]]) for n, v in fact.content["versions"].items()]
        own = {STAGE: WHOLE, NOTE: f"Made {' and '.join(made) or 'no model yet'}."}
        tags = own | fact.content["origin"] | retraining.lineage()
        _log(store, parent_id, retraining.params, tags)
        scores = scores_of(evaluate.metrics, STUDENT) if evaluate else {}
        store.client.log_batch(parent_id, [Metric(n, v, ended, 0) for n, v in scores.items()])
        store.client.log_text(parent_id, json.dumps(fact.content, indent=1), TOLD)
        store.client.set_terminated(parent_id, "FINISHED", ended)


def ensure_run(
    store: Store, stage: Stage, tags: Mapping[str, str], parent_id: str,
    models: Mapping[str, str] = {},
) -> str:  # fmt: skip
    """The id of one stage's run, which is made if it is not there.

    models: role -> id of the logged model, whose page shows the scores of that role as well.
    """
    own = {STAGE: stage.name, **tags} | ({SCORED_BY: stage.scored_by} if stage.protocol else {})
    if made := find_run(store, stage.key):
        run_id = made.info.run_id
        for name, value in own.items() - made.data.tags.items():
            store.client.set_tag(run_id, name, value)
        if not all(intact(f"{made.info.artifact_uri}/{file.name}") for file in stage.files):
            _fill(store, run_id, stage, models)
        return run_id
    run_id = _start(store, stage.name, stage.started, stage.key, **{PARENT: parent_id})
    libraries = stage.provenance.get("libraries", {})
    _log(store, run_id, stage.params | {f"library.{n}": v for n, v in libraries.items()}, own)
    _fill(store, run_id, stage, models)
    store.client.set_terminated(run_id, "FINISHED", stage.ended)
    return run_id


def find_run(store: Store, key: str) -> Run | None:
    """The finished run with this key; deletes unfinished ones on the way."""
    begun = _begun(store, key)
    good = [run for run in begun if run.info.status == "FINISHED"]
    for run in begun:
        if run not in good:
            store.client.delete_run(run.info.run_id)
    return good[0] if good else None


def finished(store: Store, stage: str = "") -> dict[str, Run]:
    """The finished runs by their keys: those of one stage, or all."""
    wanted = f" and tags.`{STAGE}` = '{stage}'" if stage else ""
    found = store.client.search_runs(
        [store.experiment], f"attributes.status = 'FINISHED'{wanted}", max_results=MOST_RUNS
    )
    return {run.data.tags[KEY]: run for run in found if KEY in run.data.tags}


def scores_of(metrics: Mapping[str, float], model: str) -> dict[str, float]:
    """PROTOCOL.METRIC -> score of a model, of an evaluation's metrics that have a title."""
    role = model.removeprefix("pfafn-")
    found = ((name.split("/"), value) for name, value in metrics.items() if f"/{role}/" in name)
    return {f"{p}.{metric}": value for (p, _, metric), value in found if metric in METRICS}


def samples(store: Store, run: Run | None) -> Path | None:
    """A local file with the per-sample scores of an evaluation's run; None if they are gone."""
    if run is None or not intact(f"{run.info.artifact_uri}/{SAMPLES}"):
        return None
    return Path(store.client.download_artifacts(run.info.run_id, SAMPLES))


def _begun(store: Store, key: str) -> Sequence[Run]:
    return store.client.search_runs([store.experiment], f"tags.`{KEY}` = '{key}'")


def _versions(
    store: Store, history: History, fact: Fact, retraining: Retraining, runs: Mapping[str, str]
) -> dict[str, str]:
    """Role -> id of the logged model, of versions that are made if they are not there."""
    models: dict[str, str] = {}
    taught: dict[str, str] = {}
    for name, stage_name in MODELS.items():
        if name not in fact.content["versions"]:
            continue
        stage = retraining.stages[stage_name]
        wanted = history.versions[name, fact.content["versions"][name]["sha256"]]
        tags = fact.content["origin"] | retraining.lineage(stage) | taught
        weights = stage.folder / versions.WEIGHTS
        version = versions.ensure(store, wanted, weights, runs[stage_name], tags)
        models[versions.role(version)] = version.model_id
        if name == TUTOR:
            taught = {"tutor.version": str(version.version)}
    return models


def _fill(store: Store, run_id: str, stage: Stage, models: Mapping[str, str]) -> None:
    points = [(name, 0, value) for name, value in stage.metrics.items()]
    metrics = [
        Metric(name, value, stage.ended, step, model_id=_model_of(name, models))
        for name, step, value in [*points, *stage.curve()]
    ]
    store.client.log_batch(run_id, metrics)
    for file in stage.files:
        store.client.log_artifact(run_id, str(file))


def _model_of(metric: str, models: Mapping[str, str]) -> str | None:
    """Whose score it is: "paired/student/ssim" is the student's."""
    return next((models[part] for part in metric.split("/") if part in models), None)


def _start(store: Store, name: str, started: int, key: str, **tags: str) -> str:
    return store.client.create_run(store.experiment, started, {KEY: key, **tags}, name).info.run_id


def _log(store: Store, run_id: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Params and tags; MLflow itself logs many in parts, and cuts long ones."""
    logged = [Param(name, str(value)) for name, value in params.items()]
    store.client.log_batch(run_id, (), logged, [RunTag(n, v) for n, v in tags.items()])
