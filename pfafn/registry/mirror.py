"""One retraining's files -> MLflow: a run per stage below one of its own, and two versions.

A run is found again by the key of what it shows, so that mirroring twice changes nothing. It is
whole once it is FINISHED: what was interrupted goes on. Lost files are put back into their run.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag

from pfafn.chronicle.decisions import Fact
from pfafn.chronicle.history import MODELS, STUDENT, TUTOR, History
from pfafn.chronicle.record import SAMPLES, Retraining, Stage, is_mirrored
from pfafn.evaluation.metrics import METRICS
from pfafn.kit.files import MODEL
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
    ran = [stage for stage in stages if not find_run(store, stage.key)] or stages  # DVC had others
    began, ended = min(stage.started for stage in ran), max(stage.ended for stage in ran)
    profile = fact.content["origin"].get("profile", WHOLE).partition(",")[0]
    parent = _begin(store, f"{profile} {fact.at:%m-%d %H:%M}", began, retraining.key)
    runs = {
        stage.name: ensure_run(store, stage, retraining.lineage(stage), parent.info.run_id)
        for stage in stages
        if stage.name != "evaluate"
    }
    models = _versions(store, history, fact, retraining, runs)
    scores: dict[str, float] = {}
    if evaluate := retraining.stages.get("evaluate"):
        ensure_run(store, evaluate, retraining.lineage(), parent.info.run_id, models)
        scores = scores_of(evaluate.metrics, STUDENT)
    if not holds(parent, [TOLD]):
        made = [str(history.versions[n, v["sha256"]]) for n, v in fact.content["versions"].items()]
        own = {STAGE: WHOLE, NOTE: f"Made {' and '.join(made) or 'no model yet'}."}
        tags = own | fact.content["origin"] | retraining.lineage()
        store.client.log_dict(parent.info.run_id, fact.content, TOLD)
        metrics = [Metric(name, value, ended, 0) for name, value in scores.items()]
        _finish(store, parent, ended, retraining.params, tags, metrics)


def ensure_run(
    store: Store, stage: Stage, tags: Mapping[str, str], parent_id: str,
    models: Mapping[str, str] = {},
) -> str:  # fmt: skip
    """The id of one stage's run, which is made if it is not there.

    models: role -> id of the logged model, whose page shows the scores of that role as well.
    """
    own = {STAGE: stage.name, **tags} | ({SCORED_BY: stage.scored_by} if stage.protocol else {})
    run = _begin(store, stage.name, stage.started, stage.key, **{PARENT: parent_id})
    if not holds(run, stage.files):
        libraries = stage.provenance.get("libraries", {})
        params = stage.params | {f"library.{name}": value for name, value in libraries.items()}
        points = [(name, 0, value) for name, value in stage.metrics.items()]
        metrics = [
            Metric(name, value, stage.ended, step, model_id=_model_of(name, models))
            for name, step, value in [*points, *stage.curve()]
        ]
        _finish(store, run, stage.ended, params, own, metrics, stage.files)
    return run.info.run_id


def find_run(store: Store, key: str) -> Run | None:
    """The run with this key, whole or not."""
    return next(iter(store.client.search_runs([store.experiment], f"tags.`{KEY}` = '{key}'")), None)


def all_runs(store: Store) -> dict[str, Run]:
    """The runs by their keys."""
    found = store.client.search_runs([store.experiment], max_results=MOST_RUNS)
    return {run.data.tags[KEY]: run for run in found if KEY in run.data.tags}


def holds(run: Run | None, files: Iterable[str | Path]) -> bool:
    """Whether a run is whole, and still has those of these files that a run keeps."""
    if run is None or run.info.status != "FINISHED":
        return False
    kept = filter(is_mirrored, files)
    return all(intact(f"{run.info.artifact_uri}/{Path(file).name}") for file in kept)


def scores_of(metrics: Mapping[str, float], model: str) -> dict[str, float]:
    """PROTOCOL.METRIC -> score of a model, of an evaluation's metrics that have a title."""
    role = model.removeprefix("pfafn-")
    found = ((name.split("/"), value) for name, value in metrics.items() if f"/{role}/" in name)
    return {f"{p}.{metric}": value for (p, _, metric), value in found if metric in METRICS}


def samples(store: Store, run: Run | None) -> Path | None:
    """A local file with the per-sample scores of an evaluation's run; None if they are gone."""
    if not holds(run, [SAMPLES]):
        return None
    return Path(store.client.download_artifacts(run.info.run_id, SAMPLES))


def _begin(store: Store, name: str, started: int, key: str, **tags: str) -> Run:
    """The run with this key, begun if it is not there."""
    made = find_run(store, key)
    return made or store.client.create_run(store.experiment, started, {KEY: key, **tags}, name)


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
        tags = wanted.origin | retraining.lineage(stage) | taught
        weights = stage.folder / MODEL
        version = versions.ensure(store, wanted, weights, runs[stage_name], tags)
        models[versions.role(version)] = versions.model_id(version)
        if name == TUTOR:
            taught = {"tutor.version": str(version.version)}
    return models


def _model_of(metric: str, models: Mapping[str, str]) -> str | None:
    """Whose score it is: "paired/student/ssim" is the student's."""
    return next((models[part] for part in metric.split("/") if part in models), None)


def _finish(
    store: Store, run: Run, ended: int, params: Mapping[str, Any], tags: Mapping[str, str],
    metrics: Sequence[Metric], files: Iterable[Path] = (),
) -> None:  # fmt: skip
    """Let a run have all this, what it has already once; MLflow itself cuts what is too long."""
    logged = [Param(name, str(value)) for name, value in params.items()]
    of_run = [RunTag(name, value) for name, value in tags.items()]
    store.client.log_batch(run.info.run_id, metrics, logged, of_run)
    for file in files:
        store.client.log_artifact(run.info.run_id, str(file))
    store.client.set_terminated(run.info.run_id, "FINISHED", ended)
