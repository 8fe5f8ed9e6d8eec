"""Make MLflow agree with the files: what was lost, the retraining there is, the decision on it."""

import os
from pathlib import Path

from pfafn.params.file import Params
from pfafn.registry import aliases, gate, record, replay, versions
from pfafn.registry.mirror import Mirrored, mirror
from pfafn.registry.stamp import Outcome
from pfafn.registry.store import PROMOTE, Store, connect, local_path


def reconcile(workspace: Path, root: Path) -> Outcome:
    """Mirror workspace's dvc.lock and artifacts into the store of the project at root.

    Facts are written, and decisions made, for the project itself. For a copy of it, as DVC's
    experiments run in, only if PFAFN_PROMOTE says what is to be decided.
    """
    retraining = record.read(workspace)
    retraining.check()
    params = Params.load(workspace / "params.yaml")
    store = connect(root, create=True)
    problems = replay.catch_up(store)
    made = mirror(store, retraining, _origin())
    reason = ""
    if workspace == root or os.environ.get(PROMOTE):
        replay.keep(store, retraining, made)
        aliases.notice(store)
        if made.student:
            evaluation = retraining.stages.get("evaluate")
            reason = gate.decide(store, made.student, evaluation, params.registration)
    return _outcome(store, made, reason, problems)


def _origin() -> dict[str, str]:
    """What no file says: which Prefect run or DVC experiment this belongs to."""
    known = os.environ.get
    flow_run = known("PFAFN_FLOW_RUN_ID") or known("PREFECT__FLOW_RUN_ID")
    tags = zip(replay.ORIGIN, (flow_run, known("DVC_EXP_NAME")), strict=True)
    return {name: value for name, value in tags if value}


def _outcome(store: Store, made: Mirrored, reason: str, problems: list[str]) -> Outcome:
    champion = versions.by_alias(store, versions.STUDENT, versions.CHAMPION)
    uris = [store.client.get_run(run_id).info.artifact_uri for run_id in made.run_ids.values()]
    uris += [
        store.client.get_model_version_download_uri(v.name, v.version)
        for v in (*made.versions(), champion)
        if v
    ]
    return Outcome(
        student=str(made.student.version) if made.student else "",
        tutor=str(made.tutor.version) if made.tutor else "",
        champion=str(champion.version) if champion else "",
        reason=reason,
        files=sorted({str(path) for uri in uris if (path := local_path(uri))}),
        problems=problems,
    )
