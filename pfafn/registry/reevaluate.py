"""Evaluate a registered student on photos that it was never evaluated on.

Stage `evaluate` does it, as a program of its own: it reads the present data, and in the place of
the present models the registered student with its own tutor, of whatever widths they are. What it
wrote stays in `.work/evaluations/`, from where a lost registry gets it back.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlflow.entities.model_registry import ModelVersion

from pfafn.kit.errors import UserError
from pfafn.kit.files import content_key
from pfafn.kit.progress import tell
from pfafn.kit.versions import PACKAGE
from pfafn.registry import versions
from pfafn.registry.decisions import EVALUATION, KEY_LENGTH, Fact
from pfafn.registry.mirror import KEY, MODELS, PARENT, ensure_run, find_run, note_scores
from pfafn.registry.record import SAMPLES, Stage
from pfafn.registry.store import Store, intact
from pfafn.registry.versions import STUDENT, TUTOR, Ref

FOLDER = ".work/evaluations"  # in the project's root
DATA = ("prepare", "annotate")  # the stages whose artifacts are the data
SAME_DATA = ("data.md5", "dvc.stage.prepare", "dvc.stage.annotate")  # tags both runs have
SUBJECT = "pfafn.evaluates"  # tag of the run: which version it is about


class NotEvaluated(UserError, RuntimeError):
    """A registered student cannot be evaluated; the message says why."""


def evaluate_again(store: Store, student: ModelVersion, like: Stage, like_run: str) -> ModelVersion:
    """The student with scores of the data that `like` is an evaluation on.

    like_run: the run of that evaluation; the new run stands beside it. Raises NotEvaluated, or
    RegistryError if the files of the student or its tutor are gone.
    """
    meant = versions.tutor_of(student)
    tutor = versions.known(store, TUTOR, meant) if meant else None
    if tutor is None:
        raise NotEvaluated("its tutor is not in the registry")
    both = [student, tutor]
    models = {version.name: version.tags[versions.SHA] for version in both}
    key = content_key([like.protocol, like.code, models])
    folder = _folder(store, key)
    if not (folder / "artifacts" / like.name / SAMPLES).is_file():
        weights = {version.name: versions.weights_of(store, version) for version in both}
        _lay_out(folder, like.root, weights)
        _run(folder)
    entry = {"cmd": like.entry["cmd"], "models": models, "params": like.entry.get("params", {})}
    stage = Stage(like.name, entry | {"protocol": like.protocol, "code": like.code}, folder)
    if stage.protocol != like.protocol:
        shutil.rmtree(folder)
        raise NotEvaluated("the evaluation data is not what the new student was evaluated on")
    if stage.code != like.code:
        shutil.rmtree(folder)
        raise NotEvaluated("the code is not what scored the new student: run `dvc repro evaluate`")
    beside = store.client.get_run(like_run).data.tags
    content = {
        "key": key,
        "versions": {version.name: versions.ref(version)._asdict() for version in both},
        "retraining": store.client.get_run(beside[PARENT]).data.tags[KEY],
        "tags": {name: beside[name] for name in SAME_DATA if name in beside},
        "ended": stage.ended,
        "entry": stage.entry,
    }
    _note(store, content, stage)
    if not store.decisions.has(EVALUATION, key):
        store.decisions.add(EVALUATION, key, content)
    return store.client.get_model_version(STUDENT, student.version)


def bring_back(store: Store, fact: Fact) -> Iterator[str]:
    """Make MLflow have an evaluation that is written down; yields why not, if it cannot."""
    content = fact.content
    stage = Stage("evaluate", content["entry"], _folder(store, content["key"]), content["ended"])
    if (stage.folder / SAMPLES).is_file():
        _note(store, content, stage)
    else:
        version = content["versions"][STUDENT]["version"]
        yield (
            f"{STUDENT} version {version} was evaluated again, {fact.at:%Y-%m-%d %H:%M}, and what "
            f"that gave is gone from {stage.folder}: it will be made again when it is needed"
        )


def is_there(store: Store, fact: Fact) -> bool:
    """Whether MLflow has the run of an evaluation, with its files."""
    run = find_run(store, Stage("evaluate", fact.content["entry"], Path()).key)
    return run is not None and intact(run.info.artifact_uri)


def _note(store: Store, content: Mapping[str, Any], stage: Stage) -> None:
    """Make the run, beside that of the evaluation it is to be compared with, and tag the scores."""
    parent = find_run(store, content["retraining"])
    refs = {name: Ref(**ref) for name, ref in content["versions"].items()}
    found = [versions.known(store, name, ref) for name, ref in refs.items()]
    tags = {**content["tags"], SUBJECT: f"models:/{STUDENT}/{refs[STUDENT].version}"}
    run_id = ensure_run(store, stage, tags, parent.info.run_id if parent else "")
    note_scores(store, [version for version in found if version], stage, run_id)


def _folder(store: Store, key: str) -> Path:
    return store.root / FOLDER / key[:KEY_LENGTH]


def _lay_out(folder: Path, root: Path, weights: Mapping[str, Path]) -> None:
    """A project for stage `evaluate`: the present data and params, with these models instead."""
    shutil.rmtree(folder, ignore_errors=True)
    artifacts = folder / "artifacts"
    for name, path in weights.items():
        (artifacts / MODELS[name]).mkdir(parents=True)
        (artifacts / MODELS[name] / versions.WEIGHTS).symlink_to(path)
    for stage in DATA:
        (artifacts / stage).symlink_to(root / "artifacts" / stage)
    shutil.copy(root / "params.yaml", folder)


def _run(folder: Path) -> None:
    """Run stage `evaluate` there. Raises NotEvaluated with its last words."""
    places = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    last = ""
    with subprocess.Popen(
        [sys.executable, "-m", "pfafn.stages.evaluate"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,  # what prints JSON does so alone
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stderr:
            tell(line.rstrip())
            last = line.strip() or last
    if process.returncode:
        raise NotEvaluated(last.removeprefix("error: "))
