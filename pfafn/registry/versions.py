"""Models -> registered versions, and the way back from a URI to a file.

A version is found again by the SHA-256 of its weights, and keeps its number and aliases when only
its files were lost: they are then put back where they were.
"""

import base64
import importlib.metadata
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import ColSpec, Schema

from pfafn.kit.versions import PACKAGE
from pfafn.photos.images import encode_png
from pfafn.registry.store import RegistryError, Store, intact, local_path
from pfafn.studio.pair import drawn_pair

STUDENT, TUTOR = "pfafn-student", "pfafn-tutor"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
SHA = "model.sha256"
REGISTERED = "registered.at"  # ISO 8601; MLflow's own time is that of its last rebuilding
WEIGHTS = "model.safetensors"
# What `pfafn.inference.served` imports, directly or through our own modules; pinned to what is
# installed.
REQUIREMENTS = (
    "mlflow",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pyarrow",
    "safetensors",
    "torch",
)
INPUTS = {STUDENT: ("person", "garment"), TUTOR: ("person", "garment", "parsing", "keypoints")}
OPTIONAL = {STUDENT: ("garment_mask",), TUTOR: ("garment_mask", "body_parts")}
EXAMPLE = (128, 96)  # (height, width) of the pictures in an example of a request
ANSWER = ("image", "note", "error")
URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


class Ref(NamedTuple):
    """A version by its number and, as numbers may change, its weights."""

    version: str
    sha256: str


def ref(version: ModelVersion) -> Ref:
    return Ref(str(version.version), version.tags.get(SHA, ""))


def role(version: ModelVersion) -> str:
    """What the evaluation calls a model: student or tutor."""
    return version.name.removeprefix("pfafn-")


def tutor_of(student: ModelVersion) -> Ref | None:
    """The tutor a student learned from; None if that is not known."""
    number, sha = (student.tags.get(f"tutor.{name}") for name in ("version", "sha256"))
    return Ref(number, sha) if number and sha else None


def registered_at(version: ModelVersion) -> str:
    """When it was registered first, ISO 8601."""
    made = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).isoformat()
    return version.tags.get(REGISTERED, made)


def known(store: Store, name: str, wanted: Ref) -> ModelVersion | None:
    """The version with these weights, whether its files are there or not."""
    found = store.client.search_model_versions(f"name='{name}' and tags.`{SHA}`='{wanted.sha256}'")
    exact = [version for version in found if str(version.version) == wanted.version]
    best = next(iter([*exact, *found]), None)
    return store.client.get_model_version(name, best.version) if best else None


def files_there(store: Store, version: ModelVersion) -> bool:
    uri = store.client.get_model_version_download_uri(version.name, version.version)
    return intact(f"{uri}/MLmodel")


def ensure(
    store: Store, name: str, weights: Path, run_id: str, wanted: Ref, tags: Mapping[str, str]
) -> ModelVersion:
    """The version with these weights; registered with the run if it is not there.

    weights: their file; if it is gone the version is there all the same, without files.
    wanted: their hash and, unless empty, the least number that the version may get.
    """
    if version := known(store, name, wanted):
        if weights.is_file() and not files_there(store, version):
            uri = store.client.get_model_version_download_uri(name, version.version)
            with _served(name, weights) as model:
                mlflow.pyfunc.save_model(local_path(uri), **model)
        return version
    try:
        store.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    if weights.is_file():
        model = _log_model(store, name, weights, run_id)
    else:
        model = store.client.create_logged_model(store.experiment, name, run_id)
        store.client.finalize_logged_model(model.model_id, "READY")
    while True:  # MLflow gives the next number, and never again that of a deleted version
        version = store.client.create_model_version(
            name, model.model_uri, run_id, {SHA: wanted.sha256, **tags}, model_id=model.model_id
        )
        if int(version.version) >= int(wanted.version or 0):
            return version
        store.client.delete_model_version(name, version.version)


def _log_model(store: Store, name: str, weights: Path, run_id: str) -> Any:
    ended = store.client.get_run(run_id).info.end_time
    with mlflow.start_run(run_id=run_id, log_system_metrics=False), _served(name, weights) as model:
        logged = Model.log(None, Unasked, name=name, validate_serving_input=False, **model)
    store.client.set_terminated(run_id, "FINISHED", ended)
    return logged


class Unasked:
    """MLflow's pyfunc flavor, for a model that is not to answer its example when it is logged.

    That would take seconds, and the signature is given.
    """

    @staticmethod
    def save_model(validate_serving_input: bool, flavor_name: str = "", **model: Any) -> None:
        mlflow.pyfunc.save_model(**model)


@contextmanager
def _served(name: str, weights: Path) -> Iterator[dict[str, Any]]:
    """Weights and today's code as a pyfunc model made from code: no pickle anywhere."""
    columns = [ColSpec("string", column) for column in INPUTS[name]]
    columns += [ColSpec("string", column, required=False) for column in OPTIONAL[name]]
    answer = [ColSpec("string", column) for column in ANSWER]
    log = logging.getLogger("mlflow.pyfunc")
    level = log.level
    log.setLevel(logging.WARNING)  # that it looks at the example is nobody's concern
    try:
        yield {
            "input_example": example(name),
            "python_model": str(PACKAGE / "inference" / "served.py"),
            "artifacts": {"weights": str(weights)},
            "model_config": {"model": name},
            "code_paths": [str(PACKAGE)],
            "pip_requirements": requirements(),
            "signature": ModelSignature(Schema(columns), Schema(answer)),
        }
    finally:
        log.setLevel(level)


def example(name: str) -> pd.DataFrame:
    """A request of one row to such a model: a drawn person and garment."""
    drawn = drawn_pair(EXAMPLE)
    pictures = {
        "person": drawn.photo.picture,
        "garment": drawn.garment.picture,
        "parsing": drawn.photo.parsing,
    }
    row = {column: base64.b64encode(encode_png(rgb)).decode() for column, rgb in pictures.items()}
    row["keypoints"] = json.dumps(drawn.keypoints.round(1).tolist())
    return pd.DataFrame([{column: row[column] for column in INPUTS[name]}])


def requirements() -> list[str]:
    """Pinned requirements of a served model, without local build labels such as "+cpu"."""
    return [f"{n}=={importlib.metadata.version(n).partition('+')[0]}" for n in REQUIREMENTS]


def by_alias(store: Store, name: str, alias: str) -> ModelVersion | None:
    """The version an alias points to; None if there is no such model, alias or version."""
    return _if_there(store.client.get_model_version_by_alias, name, alias)


def registered_model(store: Store, name: str) -> RegisteredModel:
    """A registered model with its tags and aliases (alias -> number); empty if there is none."""
    return _if_there(store.client.get_registered_model, name) or RegisteredModel(name)


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
    name, alias, number = match.group("name", "alias", "version")
    numbered = store.client.get_model_version
    found = by_alias(store, name, alias) if alias else _if_there(numbered, name, number)
    if not found:
        raise RegistryError(f"the registry has no {uri}; `registry list` shows what it has")
    return found


def _if_there(get: Callable[..., Any], *names: str) -> Any:
    """What MLflow has of these names; None if there is nothing, or can be nothing."""
    try:
        return get(*names)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def weights_of(store: Store, version: ModelVersion) -> Path:
    """A local file with the version's weights; downloads it if the store is remote."""
    source = store.client.get_model_version_download_uri(version.name, version.version)
    if not files_there(store, version):
        raise RegistryError(
            f"the files of {version.name} version {version.version} are gone from {source}: "
            "run `registry sync`, which says why if it cannot bring them back"
        )
    return Path(mlflow.artifacts.download_artifacts(f"{source}/artifacts/{WEIGHTS}"))
