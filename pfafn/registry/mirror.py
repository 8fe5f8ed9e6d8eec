"""One retraining's files -> its runs, its two versions, and their scores."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from mlflow.entities.model_registry import ModelVersion

from pfafn.kit.files import file_hash
from pfafn.registry import record, runs, versions
from pfafn.registry.record import Retraining, Stage
from pfafn.registry.store import Store
from pfafn.registry.versions import Ref

MODELS = {versions.TUTOR: "tutor_tryon", versions.STUDENT: "student_tryon"}


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
    run_ids = runs.mirror(store, retraining, origin, at)
    tutor = _version(store, versions.TUTOR, retraining, run_ids, origin, before)
    sources = {**origin, **_fakes(retraining)}
    if tutor:
        sources |= {"tutor.version": str(tutor.version), "tutor.sha256": tutor.tags[versions.SHA]}
    student = _version(store, versions.STUDENT, retraining, run_ids, sources, before)
    made = Mirrored(tutor, student, run_ids)
    if student and (evaluation := retraining.stages.get("evaluate")):
        note_scores(store, made.versions(), evaluation, run_ids[evaluation.name])
        student = store.client.get_model_version(student.name, student.version)
    return made._replace(student=student)


def note_scores(
    store: Store, found: list[ModelVersion], evaluation: Stage, evaluation_run: str
) -> None:
    """Tag versions with their newest evaluation: its run, its protocol, their scores."""
    common = {
        "evaluation.run": evaluation_run,
        "evaluation.protocol": record.content_key(evaluation.protocol),
        **{
            f"evaluation.protocol.{name}": str(value) for name, value in evaluation.protocol.items()
        },
    }
    for version in found:
        model = version.name.removeprefix("pfafn-")
        scores = {
            f"score.{name.replace(f'/{model}/', '.')}": f"{value:.6g}"
            for name, value in evaluation.metrics.items()
            if f"/{model}/" in name
        }
        for tag, value in {**common, **scores}.items():
            if version.tags.get(tag) != value:
                store.client.set_model_version_tag(version.name, version.version, tag, value)


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


def _fakes(retraining: Retraining) -> dict[str, str]:
    """Which set of fakes the student learned from."""
    stage = retraining.stages.get("fakes")
    return {"fakes.md5": stage.outs.get("artifacts/fakes/shards", "")} if stage else {}
