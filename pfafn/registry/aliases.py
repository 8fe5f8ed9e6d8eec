"""What was decided, shown in MLflow: aliases, notes and descriptions; and people's own decisions.

MLflow's aliases follow from the facts (`pfafn.chronicle.history`). Whoever moves `champion` in
MLflow itself has decided, too: the next sync writes that down. Any other alias that was moved there
is put back.
"""

import getpass
from typing import Any, NamedTuple

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from pfafn.chronicle.decisions import DECISION
from pfafn.chronicle.history import ALIASES, CHAMPION, MODELS, PREVIOUS, ROLLBACK, STUDENT, History
from pfafn.evaluation.metrics import METRICS
from pfafn.kit.files import content_key
from pfafn.registry import mirror, versions
from pfafn.registry.store import RegistryError, Store

MARK = "pfafn.decision"  # tag of the registered student: the last decision that was made true
ABOUT = (
    "One run for each retraining, below it one for each stage that ran for it. The models with "
    "their aliases are under *Models*. All of it is made from `decisions/` and the files that DVC "
    "keeps, and can be made again: `pfafn registry sync`."
)
NOTES = ("gate.", "choice.", "evaluation.")  # tags of a version that follow from what was decided


class Change(NamedTuple):
    """A new champion; versions of pfafn-student as MLflow numbers them."""

    champion: str
    previous: str  # the champion before; "" if there was none
    reason: str

    def __str__(self) -> str:
        before = f"it was version {self.previous}" if self.previous else "there was none"
        return f"champion is pfafn-student version {self.champion} ({before}): {self.reason}"


def notice(store: Store, history: History) -> None:
    """Write down that somebody moved `champion` in MLflow itself since the last decision."""
    mark = versions.registered_model(store, STUDENT).tags.get(MARK)
    version = versions.by_alias(store, STUDENT, CHAMPION)
    sha = version and version.tags.get(versions.SHA)
    if mark == history.last and sha != history.champion and (STUDENT, sha) in history.versions:
        back = history.aliases[STUDENT].get(PREVIOUS) == sha
        act = {"act": ROLLBACK} if back else {}
        write_down(store, history, sha, "somebody in MLflow", "moved in MLflow itself", **act)


def write_down(
    store: Store, history: History, student: str, by: str, reason: str, **said: Any
) -> None:
    """Add a decision on a student, given by the SHA-256 of its weights."""
    content = {"student": {"sha256": student}, "by": by, "reason": reason, **said}
    key = said.get("question") or content_key(content)
    history.take(store.decisions.add(DECISION, key, content))


def enact(store: Store, history: History) -> list[str]:
    """Make MLflow show what was decided; returns for each alias that cannot be set, why not."""
    shown: dict[tuple[str, str | None], ModelVersion] = {}
    for name in MODELS:
        for version in versions.all_of(store, name):
            key = name, version.tags.get(versions.SHA, "")
            shown[key] = version
            if key in history.versions or versions.LOST in version.tags:  # not another project's
                _describe(store, history, version)
    problems = []
    for name, wanted in history.aliases.items():
        model = versions.registered_model(store, name)
        for alias in ALIASES:
            version, now = shown.get((name, wanted.get(alias))), model.aliases.get(alias)
            if version and str(version.version) != str(now):
                store.client.set_registered_model_alias(name, alias, version.version)
            if now and not version:
                store.client.delete_registered_model_alias(name, alias)
            if alias in wanted and not version:
                problems.append(
                    f"{name}@{alias} (SHA-256 {wanted[alias][:8]}) points nowhere, as no file in "
                    "decisions/ says how it was made: bring that file back, or run `pfafn registry "
                    "promote VERSION`"
                )
        if name == STUDENT and model.creation_timestamp:
            store.client.set_registered_model_tag(STUDENT, MARK, history.last)
    store.client.set_experiment_tag(store.experiment, mirror.NOTE, ABOUT)
    return problems


def promote(store: Store, uri: str, reason: str, force: bool) -> Change:
    """Make a student the champion; uri as `pfafn.registry.versions.find` takes it.

    Raises RegistryError if it is no student, is champion already, or (unless forced) has no scores.
    """
    version = versions.find(store, uri)
    if version.name != STUDENT:
        raise RegistryError(
            f"{uri} is a {version.name}: promote a {STUDENT}, its tutor goes with it"
        )
    history = read(store)
    sha = version.tags.get(versions.SHA, "")
    if not force and not history.evaluations.get(sha):
        raise RegistryError(
            f"{uri} was never evaluated: run `dvc repro evaluate register` with its weights, "
            "or use --force"
        )
    return _choose(store, history, version, reason or "promoted by hand")


def rollback(store: Store, reason: str) -> Change:
    """Make the champion before this one champion again, and so on back with each rollback.

    Raises RegistryError if there is no champion before this one, or it is gone.
    """
    history = read(store)
    before = history.aliases[STUDENT].get(PREVIOUS)
    version = versions.known(store, STUDENT, before) if before else None
    if version is None:
        raise RegistryError(
            "there is no previous champion to go back to; `pfafn registry list` shows which "
            "versions there are, `pfafn registry promote VERSION` takes one"
        )
    return _choose(store, history, version, reason or "rolled back by hand", act=ROLLBACK)


def read(store: Store) -> History:
    """What the facts of the project come to. Raises RegistryError if one cannot be read."""
    facts, unreadable = store.decisions.read()
    if unreadable:
        raise RegistryError(unreadable[0])
    return History(facts)


def _choose(
    store: Store, history: History, version: ModelVersion, reason: str, **said: str
) -> Change:
    former = versions.by_alias(store, version.name, CHAMPION)
    sha = version.tags.get(versions.SHA, "")
    if sha == history.champion:
        raise RegistryError(f"{version.name} version {version.version} is the champion already")
    if not (store.root / "dvc.yaml").is_file():
        raise RegistryError(
            f"{store.root} is no project (it has no dvc.yaml): choices are kept in the project's "
            "decisions/, so make them there"
        )
    versions.weights_of(store, version)  # what cannot be used must not be promised
    write_down(store, history, sha, getpass.getuser(), reason, **said)
    enact(store, history)
    return Change(str(version.version), str(former.version) if former else "", reason)


def _describe(store: Store, history: History, version: ModelVersion) -> None:
    """Give a version its notes and a description of them."""
    if versions.LOST in version.tags:
        text = "Lost: no file in decisions/ says how it was made."
    else:
        sha = version.tags.get(versions.SHA, "")
        tags = {
            f"{group}.{name}": fact.at.isoformat() if name == "at" else fact.content.get(name, "")
            for group, fact in history.said.get(sha, {}).items()
            for name in ("outcome" if group == "gate" else "by", "reason", "at")
        }
        scored = (mirror.find_run(store, k) for k in reversed(history.evaluations.get(sha, [])))
        if evaluation := next(filter(None, scored), None):
            tags["evaluation.run"] = evaluation.info.run_id
        old = {tag for tag in version.tags if tag.startswith(NOTES)} - tags.keys()
        versions.note(store, version, tags, old)
        text = _text(history, version, evaluation)
    if version.description != text:
        store.client.update_model_version(version.name, version.version, text)


def _text(history: History, version: ModelVersion, evaluation: Run | None) -> str:
    """Decision, scores, profile and data of a version; plain, as a table shows its beginning."""
    tags, sha = version.tags, version.tags.get(versions.SHA, "")
    names = [alias for alias, one in history.aliases[version.name].items() if one == sha]
    parts = [", ".join(names).capitalize() or "No alias"]
    if reason := history.reason(sha):
        parts[0] += f": {reason}"
    if evaluation:
        scores = mirror.scores_of(evaluation.data.metrics, version.name)
        said = [f"{name} {METRICS[name.rpartition('.')[2]].text(scores[name])}" for name in scores]
        parts.append(f"Scores: {', '.join(said) or 'none'}")
    made = {"Profile": tags.get("profile"), "Photos": tags.get("data.md5", "")[:8],
            "Commit": tags.get("git.commit", "")[:8]}  # fmt: skip
    parts.append(", ".join(f"{title}: {value}" for title, value in made.items() if value))
    return "\n\n".join(filter(None, parts))
