"""Watch the photos: when DVC sees that some are new or changed, say so once, as an event.

An automation (see prefect.yaml) starts a retraining on the event. Photos that are still being
copied are left alone until nothing has changed for a while.
"""

import hashlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.events import emit_event
from prefect.states import Completed, State

from flows import dvc, lockfile, server
from flows.process import CommandFailed
from pfafn.kit.files import write_json

EVENT = "pfafn.data.changed"  # prefect.yaml waits for it
RESOURCE = "pfafn.data"
RETRAIN = "retrain"  # the flow that the event starts
ANNOUNCED = ".work/announced.json"  # the change that was announced last, and by its time, when


@flow(name="watch")
def watch(quiet_seconds: int = 60) -> State[None]:
    """Announce new or changed photos as the event `pfafn.data.changed`, each change once.

    Args:
        quiet_seconds: how long nothing may have changed before a change counts as complete.
    """
    log = get_run_logger().info
    lockfile.mend(dvc.ROOT, log)
    log(message := look(quiet_seconds))
    return Completed(message=message)


def look(quiet_seconds: float) -> str:
    """Look once; the event goes out if there is a complete change that was not announced yet.

    It goes out again if the retraining that it started was stopped. Returns what there was to see.
    """
    if not (dvc.ROOT / dvc.DATA).is_file():
        return f"photos are not versioned: no {dvc.DATA}; `dvc add data` makes it"
    if (announced := dvc.ROOT / ANNOUNCED).is_file():
        at = datetime.fromtimestamp(announced.stat().st_mtime, UTC)
        if server.stopped_since(at, RETRAIN):
            announce(json.loads(announced.read_text()))
            return "the retraining of the last change was stopped: it is announced again"
    try:
        if not dvc.status([dvc.DATA]):
            return "no photo has changed"
    except CommandFailed as error:
        if not dvc.held_up(error):
            raise
        return "DVC is busy; the next look will tell"
    change, youngest = looks(dvc.ROOT / "data")
    if (age := time.time() - youngest) < quiet_seconds:
        return f"photos changed {age:.0f} s ago and may not be complete yet"
    if announced.is_file() and json.loads(announced.read_text()) == change:
        return "the change was announced before"
    announce(change)
    return f"announced a change of the photos: {EVENT}"


def announce(change: str) -> None:
    """Send the event, and note what it was of."""
    emit_event(EVENT, resource={"prefect.resource.id": RESOURCE}, payload={"change": change})
    (note := dvc.ROOT / ANNOUNCED).parent.mkdir(exist_ok=True)
    write_json(note, change)


def looks(folder: Path) -> tuple[str, float]:
    """A hash over path, size and time of change of all files, and the latest of these times.

    The time of change (ctime) is the file system's own: unlike the time of modification no copying
    tool sets it back. Whether the content changed is DVC's answer; this only tells changes apart.
    """
    digest = hashlib.sha256()
    youngest = 0.0
    for path in sorted([folder, *folder.rglob("*")]):
        stat = path.stat()
        youngest = max(youngest, stat.st_ctime)
        digest.update(f"{path.relative_to(folder)}\0{stat.st_size}\0{stat.st_ctime_ns}\n".encode())
    return digest.hexdigest(), youngest
