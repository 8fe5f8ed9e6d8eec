"""Make MLflow agree with the files: what was lost, the retraining there is, the decision on it."""

import os
import re
from pathlib import Path

from pfafn.chronicle import record
from pfafn.chronicle.decisions import RETRAINING
from pfafn.chronicle.history import CHAMPION, MODELS, STUDENT, TUTOR, History
from pfafn.chronicle.record import Retraining
from pfafn.chronicle.standing import Outcome
from pfafn.kit.files import file_hash
from pfafn.params.file import Params
from pfafn.params.profiles import made_with
from pfafn.registry import aliases, gate, versions
from pfafn.registry.store import PROMOTE, Store, connect
from pfafn.registry.view import View

ORIGIN = {  # what no file says, by the environment: which run or experiment a retraining is
    "prefect.flow_run_id": ("PFAFN_FLOW_RUN_ID", "PREFECT__FLOW_RUN_ID"),
    "dvc.experiment": ("DVC_EXP_NAME",),
}


def reconcile(workspace: Path, root: Path) -> Outcome:
    """Mirror workspace's dvc.lock and artifacts into the store of the project at root.

    What there is is written down in any case. Of a copy of the project, as DVC's experiments run
    in, nothing is decided unless PFAFN_PROMOTE says what is to be.
    """
    retraining = record.read(workspace)
    retraining.check()
    params = Params.load(workspace / "params.yaml")
    store = connect(root, create=True)
    facts, unreadable = store.decisions.read()
    history = History(facts)
    if not history.retraining(retraining.key):
        _write_down(store, history, retraining)
        history = History(store.decisions.read()[0])
    view = View(store, history, workspace)
    view.refresh()
    reason = "not decided, as not all decisions can be read" if unreadable else ""
    if not unreadable:
        aliases.notice(store, history)
    history = History(store.decisions.read()[0])
    ours = history.retraining(retraining.key).content["versions"]
    student = STUDENT in ours and versions.known(store, STUDENT, ours[STUDENT]["sha256"])
    if student and not unreadable and (workspace == root or os.environ.get(PROMOTE)):
        evaluation = retraining.stages.get("evaluate")
        reason = gate.decide(store, history, student, evaluation, params.registration)
    nowhere = aliases.enact(store, History(store.decisions.read()[0]), whole=not unreadable)
    may_come = unreadable + view.missing()
    models = {name: versions.known(store, name, ref["sha256"]) for name, ref in ours.items()}
    models[CHAMPION] = versions.by_alias(store, STUDENT, CHAMPION)
    numbers = {name: str(model.version) for name, model in models.items() if model}
    return Outcome(
        student=numbers.get(STUDENT, ""),
        tutor=numbers.get(TUTOR, ""),
        champion=numbers.get(CHAMPION, ""),
        reason=reason,
        problems=[*may_come, *nowhere, *view.misnumbered()],
        may_come=bool(may_come),
    )


def _profile(retraining: Retraining, root: Path) -> str:
    """As `made_with`, but of profiles/smoke.yaml: smoke."""
    return re.sub(r"^profiles/(.*?)\.yaml", r"\1", made_with(retraining.params, root))


def _origin() -> dict[str, str]:
    known = {name: next(filter(None, map(os.environ.get, of)), "") for name, of in ORIGIN.items()}
    return {name: value for name, value in known.items() if value}


def _write_down(store: Store, history: History, retraining: Retraining) -> None:
    """Give the models of a retraining their numbers, and keep how they were made."""
    refs = {}
    for name, stage in MODELS.items():
        if made := retraining.stages.get(stage):
            sha = file_hash(made.folder / versions.WEIGHTS)
            known = history.versions.get((name, sha))
            free = max(history.next_number(name), versions.newest(store, name) + 1)
            refs[name] = {"version": str(known.number if known else free), "sha256": sha}
    content = {
        "origin": _origin() | {"profile": _profile(retraining, store.root)},
        "versions": refs,
        "ended": {stage.name: stage.ended for stage in retraining.stages.values()},
        "stages": {stage.name: stage.entry for stage in retraining.stages.values()},
    }
    store.decisions.add(RETRAINING, retraining.key, content)
