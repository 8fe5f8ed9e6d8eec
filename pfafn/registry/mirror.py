"""One retraining's files -> MLflow: a run per stage below one of its own, two versions, scores.

A run is found again by the key of what it shows, so mirroring twice changes nothing, and a stage
that DVC skipped keeps the run it has. A run counts once it is FINISHED: what an interrupted mirror
left behind is made anew. Lost artifacts are put back into their run.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.entities.model_registry import ModelVersion

from pfafn.kit.files import content_key, file_hash
from pfafn.registry import versions
from pfafn.registry.record import SAMPLES, Retraining, Stage
from pfafn.registry.store import Store, intact
from pfafn.registry.versions import Ref

MODELS = {versions.TUTOR: "tutor_tryon", versions.STUDENT: "student_tryon"}
KEY = "pfafn.key"
PARENT = "mlflow.parentRunId"  # what MLflow itself nests runs by
# Tags that must be equal to compare scores: photos and pairs, and the code that scored them.
SCORED_BY = ("evaluation.protocol", "evaluation.code")
MOST_RUNS = 50_000  # MLflow's limits
METRICS_PER_CALL = 1000
PARAMS_PER_CALL = 100
LONGEST_PARAM = 6000


class Mirrored(NamedTuple):
    """A retraining in MLflow; None for a model that it has not made yet."""

    tutor: ModelVersion | None
    student: ModelVersion | None
    run_ids: Mapping[str, str]  # of each stage

    def versions(self) -> list[ModelVersion]:
        return [version for version in (self.tutor, self.student) if version]


class Before(NamedTuple):
    """A retraining as it was registered once, which a rebuilding goes by."""

    at: datetime
    versions: Mapping[str, Ref]
    registered: Mapping[str, str]  # when each version was registered first


def mirror(
    store: Store, retraining: Retraining, origin: Mapping[str, str], before: Before | None = None
) -> Mirrored:
    """Make runs, versions and scores of a retraining exist; what is there stays as it is.

    origin: tags that no file holds (a Prefect run id, an experiment's name).
    """
    at = int(1000 * before.at.timestamp()) if before else None
    run_ids = _runs(store, retraining, origin, at)
    tutor = _version(store, versions.TUTOR, retraining, run_ids, origin, before)
    sources = dict(origin)
    if fakes := retraining.stages.get("fakes"):
        sources["fakes.md5"] = fakes.outs.get("artifacts/fakes/shards", "")
    if tutor:
        sources |= {"tutor.version": str(tutor.version), "tutor.sha256": tutor.tags[versions.SHA]}
    student = _version(store, versions.STUDENT, retraining, run_ids, sources, before)
    made = Mirrored(tutor, student, run_ids)
    if student and (evaluation := retraining.stages.get("evaluate")):
        note_scores(store, made.versions(), evaluation, run_ids[evaluation.name])
        student = store.client.get_model_version(student.name, student.version)
    return made._replace(student=student)


def scored_alike(one: ModelVersion, other: ModelVersion) -> bool:
    """Whether the scores of two versions may be compared."""
    return all(one.tags.get(tag, "") == other.tags.get(tag, "") for tag in SCORED_BY)


def note_scores(
    store: Store, scored: list[ModelVersion], evaluation: Stage, evaluation_run: str
) -> None:
    """Tag versions with their newest evaluation: its run, its protocol and code, their scores.

    What an earlier one told and this one does not know is told no more.
    """
    common = {
        "evaluation.run": evaluation_run,
        "evaluation.protocol": content_key(evaluation.protocol),
        "evaluation.code": evaluation.code,
    } | {f"evaluation.protocol.{name}": str(value) for name, value in evaluation.protocol.items()}
    for version in scored:
        model = versions.role(version)
        scores = {
            f"score.{name.replace(f'/{model}/', '.')}": f"{value:.6g}"
            for name, value in evaluation.metrics.items()
            if f"/{model}/" in name
        }
        told = common | scores
        for tag, value in told.items():
            if version.tags.get(tag) != value:
                store.client.set_model_version_tag(version.name, version.version, tag, value)
        for tag in version.tags.keys() - told.keys():
            if tag.startswith(("score.", "evaluation.")):
                store.client.delete_model_version_tag(version.name, version.version, tag)


def ensure_run(store: Store, stage: Stage, tags: Mapping[str, str], parent_id: str) -> str:
    """The id of one stage's run, which is made if it is not there."""
    if made := find_run(store, stage.key):
        if not intact(made.info.artifact_uri):
            _fill(store, made.info.run_id, stage)
        return made.info.run_id
    said = stage.provenance
    started = stage.ended - int(1000 * said.get("seconds", 0))
    own = {PARENT: parent_id, "pfafn.stage": stage.name}
    run_id = _start(store, stage.name, stage.key, own, started)
    libraries = {f"library.{name}": number for name, number in said.get("libraries", {}).items()}
    _log(store, run_id, stage.params | libraries, tags)
    _fill(store, run_id, stage)
    store.client.set_terminated(run_id, "FINISHED", stage.ended)
    return run_id


def find_run(store: Store, key: str) -> Run | None:
    """The finished run with this key; deletes unfinished ones on the way."""
    begun = store.client.search_runs([store.experiment], f"tags.`{KEY}` = '{key}'")
    good = [run for run in begun if run.info.status == "FINISHED"]
    for run in begun:
        if run not in good:
            store.client.delete_run(run.info.run_id)
    return good[0] if good else None


def parent_runs(store: Store) -> dict[str, Run]:
    """The finished runs of whole retrainings by their keys."""
    begun = store.client.search_runs(
        [store.experiment], "attributes.run_name LIKE 'retrain-%'", max_results=MOST_RUNS
    )
    good = [run for run in begun if run.info.status == "FINISHED"]
    return {run.data.tags[KEY]: run for run in good if KEY in run.data.tags}


def samples(store: Store, run_id: str) -> Path | None:
    """A local file with the per-sample scores of an evaluation's run; None if they are gone."""
    if not run_id:
        return None
    uri = store.client.get_run(run_id).info.artifact_uri
    if not intact(f"{uri}/{SAMPLES}"):
        return None
    return Path(store.client.download_artifacts(run_id, SAMPLES))


def _runs(
    store: Store, retraining: Retraining, origin: Mapping[str, str], at: int | None
) -> dict[str, str]:
    """Stage name -> run id, of runs that are made if they are not there.

    at: when it was mirrored first, in milliseconds since 1970; None is now.
    """
    parent = find_run(store, retraining.key)
    parent_id = parent.info.run_id if parent else ""
    if not parent:
        parent_id = _start(store, "retrain", retraining.key, origin, at)
    children = {
        stage.name: ensure_run(store, stage, retraining.lineage(stage), parent_id)
        for stage in retraining.stages.values()
    }
    if not parent:
        tags = {**retraining.lineage(), **{f"run.{name}": run for name, run in children.items()}}
        _log(store, parent_id, retraining.params, tags)
        if evaluate := retraining.stages.get("evaluate"):
            _log_metrics(store, parent_id, evaluate, _finals(evaluate))
        store.client.set_terminated(parent_id, "FINISHED", at)
    return children


def _version(
    store: Store,
    name: str,
    retraining: Retraining,
    run_ids: Mapping[str, str],
    sources: Mapping[str, str],
    before: Before | None,
) -> ModelVersion | None:
    """The registered version of a model's weights; None if there are none yet."""
    stage = retraining.stages.get(MODELS[name])
    if stage is None:
        return None
    weights = stage.folder / versions.WEIGHTS
    if before:
        wanted, at = before.versions[name], before.registered[name]
    else:
        wanted, at = Ref("", file_hash(weights)), datetime.now(UTC).isoformat()
    tags = {**retraining.lineage(stage), **sources, versions.REGISTERED: at}
    return versions.ensure(store, name, weights, run_ids[stage.name], wanted, tags)


def _fill(store: Store, run_id: str, stage: Stage) -> None:
    _log_metrics(store, run_id, stage, [*_finals(stage), *stage.curve()])
    for file in stage.files:
        store.client.log_artifact(run_id, str(file))


def _start(
    store: Store, name: str, key: str, tags: Mapping[str, str], started: int | None = None
) -> str:
    run = store.client.create_run(
        store.experiment, start_time=started, tags={KEY: key, **tags}, run_name=f"{name}-{key[:8]}"
    )
    return run.info.run_id


def _log(store: Store, run_id: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    store.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
    logged = [Param(name, str(value)[:LONGEST_PARAM]) for name, value in params.items()]
    for batch in _batches(logged, PARAMS_PER_CALL):
        store.client.log_batch(run_id, params=batch)


def _log_metrics(
    store: Store, run_id: str, stage: Stage, points: Sequence[tuple[str, int, float]]
) -> None:
    ended = stage.ended
    metrics = [Metric(name, value, ended, step) for name, step, value in points]
    for batch in _batches(metrics, METRICS_PER_CALL):
        store.client.log_batch(run_id, metrics=batch)


def _finals(stage: Stage) -> list[tuple[str, int, float]]:
    return [(name, 0, value) for name, value in stage.metrics.items()]


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
