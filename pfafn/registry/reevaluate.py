"""Evaluate a registered student on photos that it was never evaluated on.

Stage `evaluate` does it with the present data and, in the place of the present models, the student
and its own tutor. What it wrote stays in FOLDER, from where a lost registry gets it back.
"""

import shutil
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from pfafn.chronicle.decisions import EVALUATION, KEY_LENGTH, Fact
from pfafn.chronicle.history import MODELS, STUDENT, TUTOR, History
from pfafn.chronicle.record import SAMPLES, Stage
from pfafn.evaluation import again
from pfafn.kit.files import content_key
from pfafn.registry import versions
from pfafn.registry.mirror import KEY, PARENT, ensure_run, find_run, holds, samples
from pfafn.registry.store import Store

FOLDER = ".work/evaluations"  # in the project's root
SUBJECT = "pfafn.evaluates"  # tag of the run: the SHA-256 of the student that it is about


def evaluate_again(
    store: Store, history: History, student: ModelVersion, like: Stage
) -> Path | None:
    """The student's per-sample scores on the data that `like` is an evaluation on.

    What that gave is written down, and a run beside that of `like`. Raises NotEvaluated, or
    RegistryError if the files of the student or its tutor are gone.
    """
    tutor = versions.known(store, TUTOR, history.tutors.get(student.tags[versions.SHA], "-"))
    if tutor is None:
        raise again.NotEvaluated("its tutor is not in the registry")
    both = [student, tutor]
    models = {version.name: version.tags[versions.SHA] for version in both}
    key = content_key([like.protocol, like.code, models])
    folder = _folder(store, key)
    if not (folder / "artifacts" / like.name / SAMPLES).is_file():
        weights = {MODELS[v.name]: versions.weights_of(store, v) for v in both}
        again.lay_out(folder, like.root, weights)
        again.run(folder)
    entry = {"cmd": like.entry["cmd"], "models": models, "params": like.entry.get("params", {})}
    stage = Stage(like.name, entry | {"protocol": like.protocol, "code": like.code}, folder)
    for mine, theirs, why in (
        (stage.protocol, like.protocol, "the evaluation data is not what the new student had"),
        (stage.code, like.code, "other code scored the new student: run `dvc repro evaluate`"),
    ):
        if mine != theirs:
            shutil.rmtree(folder)
            raise again.NotEvaluated(why)
    beside = find_run(store, like.key).data.tags
    content = {
        "key": key,
        "versions": {name: {"sha256": sha} for name, sha in models.items()},
        "retraining": store.client.get_run(beside[PARENT]).data.tags[KEY],
        "tags": {name: value for name, value in beside.items() if name == "data.md5"},
        "ended": stage.ended,
        "entry": stage.entry,
    }
    bring_back(store, history.take(store.decisions.add(EVALUATION, key, content)))
    return samples(store, find_run(store, stage.key))


def bring_back(store: Store, fact: Fact) -> bool:
    """Make MLflow have the run of an evaluation that is written down; False if it cannot."""
    content = fact.content
    stage = Stage("evaluate", content["entry"], _folder(store, content["key"]), content["ended"])
    if holds(find_run(store, stage.key), [SAMPLES]):
        return True
    if not (stage.folder / SAMPLES).is_file():
        return False
    parent = find_run(store, content["retraining"])
    shas = {name: ref["sha256"] for name, ref in content["versions"].items()}
    found = [versions.known(store, name, sha) for name, sha in shas.items()]
    models = {versions.role(version): versions.model_id(version) for version in found if version}
    tags = {**content["tags"], SUBJECT: shas[STUDENT]}
    ensure_run(store, stage, tags, parent.info.run_id if parent else "", models)
    return True


def _folder(store: Store, key: str) -> Path:
    return store.root / FOLDER / key[:KEY_LENGTH]
