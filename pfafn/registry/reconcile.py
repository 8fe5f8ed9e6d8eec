"""Make MLflow agree with the files: what was lost, the retraining there is, the decision on it."""

import os
import re
from pathlib import Path

from pfafn.chronicle import record
from pfafn.chronicle.decisions import RETRAINING, Fact
from pfafn.chronicle.history import MODELS, STUDENT, History
from pfafn.chronicle.record import Retraining
from pfafn.chronicle.standing import Outcome, stood
from pfafn.kit.files import MODEL, file_hash
from pfafn.params.file import Params
from pfafn.params.profiles import made_with
from pfafn.registry import aliases, gate, versions
from pfafn.registry.store import PROMOTE, RegistryError, Store, connect
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
    fact = history.retraining(retraining.key) or _write_down(store, history, retraining)
    if unreadable:
        raise RegistryError("; ".join(unreadable))
    view = View(store, history, workspace)
    view.refresh()
    aliases.notice(store, history)
    student = fact.content["versions"].get(STUDENT)
    if student and (workspace == root or os.environ.get(PROMOTE)):
        evaluation = retraining.stages.get("evaluate")
        gate.decide(store, history, student["sha256"], evaluation, params.registration)
    nowhere = aliases.enact(store, history)
    return stood(history, fact, problems=view.problems() + nowhere)


def _origin() -> dict[str, str]:
    known = {name: next(filter(None, map(os.environ.get, of)), "") for name, of in ORIGIN.items()}
    return {name: value for name, value in known.items() if value}


def _write_down(store: Store, history: History, retraining: Retraining) -> Fact:
    """Give the models of a retraining their numbers, and keep how they were made."""
    refs = {}
    for name, stage in MODELS.items():
        if ran := retraining.stages.get(stage):
            sha = file_hash(ran.folder / MODEL)
            known = history.versions.get((name, sha))
            free = max(history.next_number(name), versions.newest(store, name) + 1)
            refs[name] = {"version": str(known.number if known else free), "sha256": sha}
    made = made_with(retraining.params, store.root)
    content = {
        "origin": _origin() | {"profile": re.sub(r"^profiles/(.*?)\.yaml", r"\1", made)},
        "versions": refs,
        "ended": {stage.name: stage.ended for stage in retraining.stages.values()},
        "stages": {stage.name: stage.entry for stage in retraining.stages.values()},
    }
    return history.take(store.decisions.add(RETRAINING, retraining.key, content))
