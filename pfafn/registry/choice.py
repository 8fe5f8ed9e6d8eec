"""What a person decides against or beside the gate: promote a version, or go back to the last.

Both are kept in `decisions/` and on the version that became champion (who, when, why), and no later
mirroring undoes them: the gate judges each evaluation of a student once.
"""

import getpass
from typing import NamedTuple

from mlflow.entities.model_registry import ModelVersion

from pfafn.registry import aliases, versions
from pfafn.registry.decisions import Decisions
from pfafn.registry.record import content_key
from pfafn.registry.store import RegistryError, Store


class Change(NamedTuple):
    """A new champion; versions of pfafn-student as MLflow numbers them."""

    champion: str
    previous: str  # the champion before; "" if there was none
    reason: str

    def __str__(self) -> str:
        before = f"it was version {self.previous}" if self.previous else "there was none"
        return f"champion is pfafn-student version {self.champion} ({before}): {self.reason}"


def promote(store: Store, uri: str, reason: str, force: bool) -> Change:
    """Make the student behind models:/pfafn-student/N or @ALIAS the champion.

    Raises RegistryError if it is no student, is champion already, or (unless forced) has no scores.
    """
    version = versions.find(store, uri)
    if version.name != versions.STUDENT:
        raise RegistryError(
            f"{uri} is a {version.name}: promote a {versions.STUDENT}, its tutor goes with it"
        )
    if not force and not any(tag.startswith("score.") for tag in version.tags):
        raise RegistryError(
            f"{uri} was never evaluated: run `dvc repro evaluate register` with its weights, "
            "or use --force"
        )
    return _choose(store, version, reason or "promoted by hand")


def rollback(store: Store, reason: str) -> Change:
    """Make the champion before this one champion again; what was champion becomes `previous`.

    Raises RegistryError if there is no champion before this one.
    """
    version = versions.by_alias(store, versions.STUDENT, versions.PREVIOUS)
    if version is None:
        raise RegistryError("there is no previous champion to go back to; see `registry list`")
    return _choose(store, version, reason or "rolled back by hand")


def _choose(store: Store, version: ModelVersion, reason: str) -> Change:
    former = versions.by_alias(store, version.name, versions.CHAMPION)
    if former and former.version == version.version:
        raise RegistryError(f"{version.name} version {version.version} is the champion already")
    if not (store.root / "dvc.yaml").is_file():
        raise RegistryError(
            f"{store.root} is no project (it has no dvc.yaml): choices are kept in the project's "
            "decisions/, so make them there"
        )
    versions.weights_of(store, version)  # what cannot be used must not be promised
    student = versions.ref(version)
    wanted = aliases.crowned(aliases.state(store), student, versions.tutor_of(version))
    said = {"by": getpass.getuser(), "reason": reason}
    kept = Decisions(store.root)
    aliases.decide(store, kept, content_key([student, said]), wanted, student, **said)
    return Change(str(version.version), str(former.version) if former else "", reason)
