"""Models -> registered versions, their aliases, and the way back from a URI to a file.

A version is found again by the SHA-256 of its weights. Aliases: `champion` is the one to use,
`previous` the champion before it, `challenger` the newest that did not pass the gate; the sentence
that says why is the version's tag `gate.reason`.
"""

import importlib.metadata
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema

from pfafn.outputs import PACKAGE
from pfafn.registry.gate import Decision
from pfafn.registry.store import RegistryError, Store, intact

STUDENT, TUTOR = "pfafn-student", "pfafn-tutor"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
SHA = "model.sha256"
WEIGHTS = "model.safetensors"
# What `pfafn.served` imports, directly or through our own modules; pinned to what is installed.
REQUIREMENTS = (
    "albumentations",
    "mlflow",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "safetensors",
    "torch",
)
INPUTS = {STUDENT: ("person", "garment"), TUTOR: ("person", "garment", "parsing", "keypoints")}
OPTIONAL = {STUDENT: ("garment_mask",), TUTOR: ("garment_mask", "body_parts")}
URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def ensure(
    store: Store, name: str, weights: Path, run_id: str, sha: str, tags: Mapping[str, str]
) -> ModelVersion:
    """The version with these weights; logged to run_id and registered if it is not there."""
    with_sha = store.client.search_model_versions(f"name='{name}' and tags.`{SHA}`='{sha}'")
    for version in with_sha:
        if intact(store.client.get_model_version_download_uri(name, version.version)):
            return store.client.get_model_version(name, version.version)
        store.client.delete_model_version(name, version.version)
    try:
        store.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    model = _log_model(store, name, weights, run_id)
    return store.client.create_model_version(
        name, model.model_uri, run_id, {SHA: sha, **tags}, model_id=model.model_id
    )


def _log_model(store: Store, name: str, weights: Path, run_id: str) -> Any:
    """Store weights and code as a pyfunc model made from code: no pickle anywhere."""
    ended = store.client.get_run(run_id).info.end_time
    columns = [ColSpec("string", column) for column in INPUTS[name]]
    columns += [ColSpec("string", column, required=False) for column in OPTIONAL[name]]
    with mlflow.start_run(run_id=run_id, log_system_metrics=False), warnings.catch_warnings():
        # An example would be run through the model here, which the signature makes needless.
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        model = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(PACKAGE / "served.py"),
            artifacts={"weights": str(weights)},
            model_config={"model": name},
            code_paths=[str(PACKAGE)],
            pip_requirements=requirements(),
            signature=ModelSignature(Schema(columns), Schema([ColSpec("string", "image")])),
        )
    store.client.set_terminated(run_id, "FINISHED", ended)
    return model


def requirements() -> list[str]:
    """Pinned requirements of a served model, without local build labels such as "+cpu"."""
    return [f"{n}=={importlib.metadata.version(n).partition('+')[0]}" for n in REQUIREMENTS]


def by_alias(store: Store, name: str, alias: str) -> ModelVersion | None:
    """The version an alias points to; None if there is no such model, alias or version."""
    try:
        return store.client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def place(store: Store, student: ModelVersion, decision: Decision, question: str) -> None:
    """Give a student the alias that was decided, and note what was asked and why."""
    name, version = student.name, student.version
    if decision.promote:
        crown(store, student)
    else:
        store.client.set_registered_model_alias(name, CHALLENGER, version)
    outcome = CHAMPION if decision.promote else CHALLENGER
    noted = {"outcome": outcome, "reason": decision.reason, "question": question}
    for tag, value in noted.items():
        store.client.set_model_version_tag(name, version, f"gate.{tag}", value)


def crown(store: Store, version: ModelVersion) -> None:
    """Make a student the champion, the last champion `previous`, and its tutor the tutors'."""
    _move_champion(store, version.name, version.version)
    if tutor := version.tags.get("tutor.version"):
        _move_champion(store, TUTOR, tutor)
    challenger = by_alias(store, version.name, CHALLENGER)
    if challenger and challenger.version == version.version:
        store.client.delete_registered_model_alias(version.name, CHALLENGER)


def _move_champion(store: Store, name: str, version: str) -> None:
    former = by_alias(store, name, CHAMPION)
    if former and str(former.version) == str(version):
        return
    if former:
        store.client.set_registered_model_alias(name, PREVIOUS, former.version)
    store.client.set_registered_model_alias(name, CHAMPION, version)


def find(store: Store, uri: str) -> ModelVersion:
    """The version of models:/NAME@ALIAS or models:/NAME/VERSION.

    Raises RegistryError if the URI is malformed or nothing is there.
    """
    match = URI.fullmatch(uri)
    if not match:
        raise RegistryError(
            f"expected models:/NAME@ALIAS or models:/NAME/VERSION, such as "
            f"models:/{STUDENT}@{CHAMPION}, got {uri!r}"
        )
    name, alias, version = match["name"], match["alias"], match["version"]
    try:
        if version:
            return store.client.get_model_version(name, version)
        if found := by_alias(store, name, alias):
            return found
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    raise RegistryError(f"the registry has no {uri}; `registry list` shows what it has")


def weights_of(store: Store, version: ModelVersion) -> Path:
    """A local file with the version's weights; downloads it if the store is remote."""
    source = store.client.get_model_version_download_uri(version.name, version.version)
    if not intact(source):
        raise RegistryError(
            f"the files of {version.name} version {version.version} are gone from {source}: "
            "run `registry sync`"
        )
    return Path(mlflow.artifacts.download_artifacts(f"{source}/artifacts/{WEIGHTS}"))
