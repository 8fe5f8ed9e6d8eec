"""Models -> MLflow's registered versions, and the way back from a URI to a file.

A version is found again by the SHA-256 of its weights; files that were lost are put back where they
were. A number of which no fact is left is there as a version that says that it is lost.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import LoggedModelOutput
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from pfafn.chronicle.history import ALIASES, CHAMPION, STUDENT, TUTOR, Version
from pfafn.kit.files import MODEL
from pfafn.registry.store import RegistryError, Store, intact
from pfafn.registry.stored import save

SHA = "model.sha256"
REGISTERED = "registered.at"  # ISO 8601; MLflow's own time is that of its last rebuilding
RUN = "run"  # the tag of one that had none when it was registered
LOST = "lost"  # the tag of a number of which no fact tells
ABOUT = {
    STUDENT: "Parser-free try-on (PF-AFN): a person, a garment and its mask are all it needs.",
    TUTOR: "Parser-based try-on (PB-AFN), which taught the student of the same retraining.",
}
URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def role(version: ModelVersion) -> str:
    """What the evaluation calls a model: student or tutor."""
    return version.name.removeprefix("pfafn-")


def model_id(version: ModelVersion) -> str:
    """The id of the logged model whose page has its files and scores; MLflow itself forgets it."""
    return version.source.removeprefix("models:/")


def all_of(store: Store, name: str) -> list[ModelVersion]:
    """The versions of a model, newest first."""
    found = store.client.search_model_versions(f"name='{name}'")
    return sorted(found, key=lambda version: -int(version.version))


def known(store: Store, name: str, sha256: str) -> ModelVersion | None:
    """The version with these weights, whether its files are there or not."""
    found = store.client.search_model_versions(f"name='{name}' and tags.`{SHA}`='{sha256}'")
    return min(found, key=lambda version: int(version.version), default=None)


def place(store: Store, version: ModelVersion) -> str:
    """Where its files are, as a URI."""
    return store.client.get_model_version_download_uri(version.name, version.version)


def files_there(store: Store, version: ModelVersion) -> bool:
    """Whether a version's files are where MLflow looks for them, told by the one it reads first."""
    return intact(f"{place(store, version)}/MLmodel")


def ensure(
    store: Store, wanted: Version, weights: Path, run_id: str, tags: Mapping[str, str]
) -> ModelVersion:
    """The version with the wanted weights; registered with the run if it is not there.

    weights: their file; if it is gone the version is there all the same, without files. It gets the
    wanted number unless MLflow has given that to another one.
    """
    name = wanted.name
    told = {**tags, SHA: wanted.sha256, REGISTERED: wanted.at.isoformat()}
    number = str(wanted.number)  # of which there may be a lost version, whose fact has come back
    lost = (v for v in all_of(store, name) if v.tags.get(LOST) == number == str(v.version))
    version = known(store, name, wanted.sha256) or next(lost, None)
    if version is None:
        if not registered_model(store, name).creation_timestamp:
            store.client.create_registered_model(name, description=ABOUT[name])
        for gap in range(newest(store, name) + 1, wanted.number):
            _create(store, name, {LOST: str(gap)})
        return _create(store, name, told, run_id, weights)
    if weights.is_file() and not files_there(store, version):
        save(store.client, model_id(version), name, weights)
    note(store, version, told | ({} if version.run_id else {RUN: run_id}), [LOST])
    return version


def note(
    store: Store, version: ModelVersion, tags: Mapping[str, str], without: Iterable[str] = ()
) -> None:
    """Let a version have these tags, and none of `without`."""
    for tag, value in tags.items():
        if version.tags.get(tag) != value:
            store.client.set_model_version_tag(version.name, version.version, tag, value)
    for tag in version.tags.keys() & set(without):
        store.client.delete_model_version_tag(version.name, version.version, tag)


def newest(store: Store, name: str) -> int:
    """The greatest number that MLflow shows; 0 if it has no version."""
    return max((int(version.version) for version in all_of(store, name)), default=0)


def _create(
    store: Store, name: str, tags: dict[str, str], run_id: str | None = None,
    weights: Path | None = None,
) -> ModelVersion:  # fmt: skip
    """The next version, without files if there are no weights any more."""
    model = store.client.create_logged_model(store.experiment, name, run_id)
    if run_id:
        store.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    if weights and weights.is_file():
        save(store.client, model.model_id, name, weights)
    store.client.finalize_logged_model(model.model_id, "READY")
    return store.client.create_model_version(
        name, model.model_uri, run_id, tags, model_id=model.model_id
    )


def by_alias(store: Store, name: str, alias: str) -> ModelVersion | None:
    """The version an alias points to; None if there is no such model, alias or version."""
    return _if_there(store.client.get_model_version_by_alias, name, alias)


def registered_model(store: Store, name: str) -> RegisteredModel:
    """A registered model with its tags and aliases (alias -> number); empty if there is none."""
    return _if_there(store.client.get_registered_model, name) or RegisteredModel(name)


def find(store: Store, uri: str) -> ModelVersion:
    """The version of models:/NAME@ALIAS or models:/NAME/VERSION; for people, of less.

    "challenger" and "3" are the student's, "tutor/2" is a tutor. Raises RegistryError if it is
    malformed or nothing is there.
    """
    if match := URI.fullmatch(whole_uri(uri)):
        name, alias, number = match.group("name", "alias", "version")
        numbered = store.client.get_model_version
        found = by_alias(store, name, alias) if alias else _if_there(numbered, name, number)
    else:
        raise RegistryError(
            f"expected models:/NAME@ALIAS or models:/NAME/VERSION, such as "
            f"models:/{STUDENT}@{CHAMPION}, got {uri!r}"
        )
    if not found:
        raise RegistryError(f"the registry has no {uri}; `pfafn registry list` shows what it has")
    return found


def whole_uri(said: str) -> str:
    """What a person says for short, as a URI; anything else as it is."""
    if said in ALIASES:
        return f"models:/{STUDENT}@{said}"
    if said.isdecimal():
        return f"models:/{STUDENT}/{said}"
    short = re.fullmatch(r"(?:models:/)?(?:pfafn-)?(student|tutor)([/@].+)", said)
    return f"models:/pfafn-{short[1]}{short[2]}" if short else said


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
    source = place(store, version)
    if not files_there(store, version):
        raise RegistryError(
            f"the files of {version.name} version {version.version} are gone from {source}: "
            "run `pfafn registry sync`, which says why if it cannot bring them back"
        )
    return Path(mlflow.artifacts.download_artifacts(f"{source}/artifacts/{MODEL}"))
