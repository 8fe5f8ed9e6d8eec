"""Aliases: what the gate's and people's decisions make of them, and making these true in MLflow.

`champion` is the one to use, `previous` the champion before it, `challenger` the newest that did
not become champion. A decision (who, when, why) is first written down with all aliases as they are
to be, then made true: what was interrupted between the two, or lost with MLflow, is made true by
the next sync. None undoes what a person decided: the gate judges each evaluation of a student once.
"""

import getpass
from collections.abc import Sequence
from typing import Any, NamedTuple

from mlflow.entities.model_registry import ModelVersion

from pfafn.kit.files import content_key
from pfafn.registry import versions
from pfafn.registry.decisions import DECISION, Fact
from pfafn.registry.store import RegistryError, Store
from pfafn.registry.versions import CHALLENGER, CHAMPION, PREVIOUS, STUDENT, TUTOR, Ref

ALIASES = (CHAMPION, PREVIOUS, CHALLENGER)
MARK = "pfafn.decision"  # tag of the registered student: the last decision that was made true
GATE = "gate"  # who decided, if no person did
State = dict[str, dict[str, Ref]]  # model -> alias -> version


class Change(NamedTuple):
    """A new champion; versions of pfafn-student as MLflow numbers them."""

    champion: str
    previous: str  # the champion before; "" if there was none
    reason: str

    def __str__(self) -> str:
        before = f"it was version {self.previous}" if self.previous else "there was none"
        return f"champion is pfafn-student version {self.champion} ({before}): {self.reason}"


def state(store: Store) -> State:
    """The aliases as they are."""
    return {
        name: {
            alias: versions.ref(version)
            for alias in ALIASES
            if (version := versions.by_alias(store, name, alias))
        }
        for name in (STUDENT, TUTOR)
    }


def crowned(before: State, student: Ref, tutor: Ref | None) -> State:
    """A student made champion and its tutor the tutors'; the last champions become `previous`."""
    after = {name: dict(aliases) for name, aliases in before.items()}
    for name, new in ((STUDENT, student), (TUTOR, tutor)):
        former = after[name].get(CHAMPION)
        if new and former != new:
            after[name] |= {CHAMPION: new} | ({PREVIOUS: former} if former else {})
    if after[STUDENT].get(CHALLENGER) == student:
        del after[STUDENT][CHALLENGER]
    return after


def challenged(before: State, student: Ref) -> State:
    """A student made challenger."""
    return before | {STUDENT: before[STUDENT] | {CHALLENGER: student}}


def decide(store: Store, key: str, wanted: State, student: Ref, **said: Any) -> None:
    """Write a decision on a student down, with the aliases it leads to, and make it true.

    said: by (a user's name, or GATE), reason and what else is to be noted on the student.
    """
    after = {name: {a: ref._asdict() for a, ref in of.items()} for name, of in wanted.items()}
    content = {"student": student._asdict(), **said, "aliases": after}
    enact(store, [store.decisions.add(DECISION, key, content)])


def notice(store: Store) -> None:
    """Write down what somebody did to the aliases in MLflow itself since the last decision."""
    facts, _ = store.decisions.read()
    decisions = [fact for fact in facts if fact.kind == DECISION]
    if not decisions or decisions[-1].name != enacted(store):
        return
    recorded = decisions[-1].content["aliases"]
    meant = {name: {a: ref["sha256"] for a, ref in of.items()} for name, of in recorded.items()}
    now = state(store)
    actual = {name: {a: ref.sha256 for a, ref in of.items()} for name, of in now.items()}
    champion = now[STUDENT].get(CHAMPION)
    if champion and actual != meant:
        said = {"by": "somebody in MLflow", "reason": "the aliases were changed in MLflow itself"}
        decide(store, content_key(now), now, champion, **said)


def enact(store: Store, decisions: Sequence[Fact]) -> list[str]:
    """Make decisions true, oldest first: notes on the students, and the aliases of the last.

    Returns for each alias that could not be set, why not; it then points nowhere.
    """
    for fact in decisions:
        _note(store, fact)
    last = decisions[-1]
    problems = []
    for name, wanted in last.content["aliases"].items():
        numbers = versions.registered_model(store, name).aliases
        for alias in ALIASES:
            problems += _point(store, name, alias, numbers.get(alias), wanted.get(alias))
    if not problems:
        store.client.set_registered_model_tag(STUDENT, MARK, last.name)
    return problems


def enacted(store: Store) -> str:
    """Name of the last decision that was made true; "" if there is none."""
    return versions.registered_model(store, STUDENT).tags.get(MARK, "")


def promote(store: Store, uri: str, reason: str, force: bool) -> Change:
    """Make the student behind models:/pfafn-student/N or @ALIAS the champion.

    Raises RegistryError if it is no student, is champion already, or (unless forced) has no scores.
    """
    version = versions.find(store, uri)
    if version.name != STUDENT:
        raise RegistryError(
            f"{uri} is a {version.name}: promote a {STUDENT}, its tutor goes with it"
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
    version = versions.by_alias(store, STUDENT, PREVIOUS)
    if version is None:
        raise RegistryError("there is no previous champion to go back to; see `registry list`")
    return _choose(store, version, reason or "rolled back by hand")


def _choose(store: Store, version: ModelVersion, reason: str) -> Change:
    former = versions.by_alias(store, version.name, CHAMPION)
    if former and former.version == version.version:
        raise RegistryError(f"{version.name} version {version.version} is the champion already")
    if not (store.root / "dvc.yaml").is_file():
        raise RegistryError(
            f"{store.root} is no project (it has no dvc.yaml): choices are kept in the project's "
            "decisions/, so make them there"
        )
    versions.weights_of(store, version)  # what cannot be used must not be promised
    student = versions.ref(version)
    wanted = crowned(state(store), student, versions.tutor_of(version))
    said = {"by": getpass.getuser(), "reason": reason}
    decide(store, content_key([student, said]), wanted, student, **said)
    return Change(str(version.version), str(former.version) if former else "", reason)


def _note(store: Store, fact: Fact) -> None:
    said = {k: v for k, v in fact.content.items() if k not in ("student", "aliases")}
    group = "gate" if said["by"] == GATE else "choice"
    student = versions.known(store, STUDENT, Ref(**fact.content["student"]))
    for name, value in {**said, "at": fact.at.isoformat()}.items():
        if student and not (group == "gate" and name == "by"):
            tag = f"{group}.{name}"
            store.client.set_model_version_tag(STUDENT, student.version, tag, value)


def _point(
    store: Store, name: str, alias: str, now: str | None, wanted: dict[str, str] | None
) -> list[str]:
    """Let an alias point to the weights that were meant, whatever number they have now."""
    version = versions.known(store, name, Ref(**wanted)) if wanted else None
    if version and str(version.version) != str(now):
        store.client.set_registered_model_alias(name, alias, version.version)
    if now and not version:
        store.client.delete_registered_model_alias(name, alias)
    if wanted and not version:
        return [
            f"{name}@{alias} was version {wanted['version']}, which is not in the registry, and no "
            f"file in decisions/ says how it was made: {name}@{alias} points nowhere; "
            "`registry promote` another, or bring its retraining back into the project"
        ]
    return []
