"""Make MLflow agree with the files: runs, versions, and what the gate says of the new student."""

import os
from collections.abc import Mapping
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from pfafn.outputs import file_hash
from pfafn.params import Params, Register
from pfafn.registry import gate, record, runs, versions
from pfafn.registry.record import SAMPLES, Retraining, Stage
from pfafn.registry.stamp import Outcome
from pfafn.registry.store import RegistryError, Store, connect, intact, local_path

MODELS = {versions.TUTOR: "tutor_tryon", versions.STUDENT: "student_tryon"}
FLOW_RUN = ("PFAFN_FLOW_RUN_ID", "PREFECT__FLOW_RUN_ID")
PROMOTE = "PFAFN_PROMOTE"  # environment: "no" if this run may make no champion


def reconcile(workspace: Path, root: Path) -> Outcome:
    """Mirror workspace's dvc.lock and artifacts into the store of the project at root."""
    retraining = record.read(workspace)
    retraining.check()
    params = Params.load(workspace / "params.yaml")
    store = connect(root, create=True)
    origin = _origin()
    run_ids = runs.mirror(store, retraining, origin)
    tutor = _version(store, versions.TUTOR, retraining, run_ids, origin)
    sources = {**origin, **_fakes(retraining)}
    if tutor:
        sources |= {"tutor.version": str(tutor.version), "tutor.sha256": tutor.tags[versions.SHA]}
    student = _version(store, versions.STUDENT, retraining, run_ids, sources)
    reason = ""
    if student:
        evaluation = retraining.stages.get("evaluate")
        _note_scores(store, [tutor, student], evaluation, run_ids)
        student = store.client.get_model_version(student.name, student.version)
        if workspace == root:
            reason = _decide(store, student, evaluation, params.registration)
    return _outcome(store, tutor, student, reason, run_ids)


def _origin() -> dict[str, str]:
    """What no file says: which Prefect run or DVC experiment this belongs to."""
    flow_run = next((os.environ[name] for name in FLOW_RUN if os.environ.get(name)), "")
    experiment = os.environ.get("DVC_EXP_NAME", "")
    tags = {"prefect.flow_run_id": flow_run, "dvc.experiment": experiment}
    return {name: value for name, value in tags.items() if value}


def _version(
    store: Store,
    name: str,
    retraining: Retraining,
    run_ids: Mapping[str, str],
    sources: Mapping[str, str],
) -> ModelVersion | None:
    """The registered version of a model's current weights; None if there are none yet."""
    stage = retraining.stages.get(MODELS[name])
    if stage is None:
        return None
    weights = stage.folder / versions.WEIGHTS
    tags = {**retraining.lineage(stage), **sources}
    return versions.ensure(store, name, weights, run_ids[stage.name], file_hash(weights), tags)


def _fakes(retraining: Retraining) -> dict[str, str]:
    """Which set of fakes the student learned from."""
    stage = retraining.stages.get("fakes")
    return {"fakes.md5": stage.outs.get("artifacts/fakes/shards", "")} if stage else {}


def _note_scores(
    store: Store,
    found: list[ModelVersion | None],
    evaluation: Stage | None,
    run_ids: Mapping[str, str],
) -> None:
    """Tag the versions with their newest evaluation: its run, its protocol, their scores."""
    if evaluation is None:
        return
    common = {
        "evaluation.run": run_ids[evaluation.name],
        "evaluation.protocol": record.content_key(evaluation.protocol),
        **{
            f"evaluation.protocol.{name}": str(value) for name, value in evaluation.protocol.items()
        },
    }
    for version in filter(None, found):
        model = version.name.removeprefix("pfafn-")
        scores = {
            f"score.{name.replace(f'/{model}/', '.')}": f"{value:.6g}"
            for name, value in evaluation.metrics.items()
            if f"/{model}/" in name
        }
        for tag, value in {**common, **scores}.items():
            if version.tags.get(tag) != value:
                store.client.set_model_version_tag(version.name, version.version, tag, value)


def _decide(store: Store, student: ModelVersion, evaluation: Stage | None, wanted: Register) -> str:
    """Give the student its alias, once for each evaluation; return the reason.

    What was decided stays decided: neither a rollback by hand is undone by mirroring again, nor
    does a later run promote what passed while promotion was switched off. `registry promote` does.
    """
    champion = versions.by_alias(store, student.name, versions.CHAMPION)
    samples = evaluation.folder / SAMPLES if evaluation else None
    scored = file_hash(samples) if samples and samples.is_file() else ""
    question = record.content_key(
        [student.tags.get("evaluation.protocol"), scored, wanted.model_dump()]
    )
    settled = student.tags.get("gate.question") == question
    if settled or (champion and champion.version == student.version):
        return student.tags.get("gate.reason", "")
    if samples and scored:
        decision = _judge(store, student, champion, samples, wanted)
    else:
        decision = gate.Decision(False, "it was not evaluated")
    if decision.promote and not _may_promote():
        decision = gate.Decision(
            False,
            "it would have become champion, but promotion was switched off for this run: "
            + decision.reason,
        )
    versions.place(store, student, decision, question)
    return decision.reason


def _may_promote() -> bool:
    """Whether this run may make a champion. Raises RegistryError for what is neither yes nor no."""
    word = os.environ.get(PROMOTE) or "yes"
    if word not in ("yes", "no"):
        raise RegistryError(f"{PROMOTE} must be yes or no, got {word!r}")
    return word == "yes"


def _judge(
    store: Store,
    student: ModelVersion,
    champion: ModelVersion | None,
    samples: Path,
    wanted: Register,
) -> gate.Decision:
    new = gate.read(samples, wanted.metric)
    if champion is None:
        return gate.first(new)
    name = f"champion version {champion.version}"
    if champion.tags.get("evaluation.protocol") != student.tags.get("evaluation.protocol"):
        return gate.Decision(False, f"{name} was evaluated on other data or by another protocol")
    run = store.client.get_run(champion.tags["evaluation.run"])
    if not intact(f"{run.info.artifact_uri}/{SAMPLES}"):
        return gate.Decision(False, f"the per-sample scores of {name} are gone")
    theirs = Path(store.client.download_artifacts(run.info.run_id, SAMPLES))
    return gate.compare(new, gate.read(theirs, new.metric), wanted.margin)


def _outcome(
    store: Store,
    tutor: ModelVersion | None,
    student: ModelVersion | None,
    reason: str,
    run_ids: Mapping[str, str],
) -> Outcome:
    champion = versions.by_alias(store, versions.STUDENT, versions.CHAMPION)
    uris = [store.client.get_run(run_id).info.artifact_uri for run_id in run_ids.values()]
    uris += [
        store.client.get_model_version_download_uri(v.name, v.version)
        for v in (tutor, student, champion)
        if v
    ]
    return Outcome(
        student=str(student.version) if student else "",
        tutor=str(tutor.version) if tutor else "",
        champion=str(champion.version) if champion else "",
        reason=reason,
        files=sorted({str(path) for uri in uris if (path := local_path(uri))}),
    )
