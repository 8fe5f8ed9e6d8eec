"""One retraining at a time: an operating system lock that ends with whoever holds it.

A retraining holds it alone. A stage that is started by hand shares it with others of its kind, so
a retraining waits for it, and it stops at once while a retraining is going on.
"""

import fcntl
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

from pfafn.kit.errors import UserError

LOCK = Path(".work/retrain.lock")  # in the project's root
HOLDER = "PFAFN_LOCK_HOLDER"  # environment: the token of the retraining a process belongs to
POLL = 0.5  # seconds between two tries


class LockedError(UserError):
    """A retraining is going on; the message says whose."""


class Holder(NamedTuple):
    """Who holds the lock, as its file tells."""

    token: str
    pid: int
    who: str
    since: str
    file: int  # the lock's inode: a copy of the file tells of another lock

    def __str__(self) -> str:
        return f"{self.who}, process {self.pid}, since {self.since}"


class Held(NamedTuple):
    """The lock, got: the token for the children, and the holder that died holding it.

    Whoever a copied file names did not hold this lock, and may well be alive.
    """

    token: str
    lost: Holder | None


@contextmanager
def exclusive(path: Path, who: str, wait: Callable[[str], object]) -> Iterator[Held]:
    """Hold the lock alone; until it is free, tell wait() once who has it, and try again."""
    with _opened(path) as file:
        told = ""
        while not locked(file, fcntl.LOCK_EX):
            # A shared lock can be had only beside other shared ones.
            by_hand = locked(file, fcntl.LOCK_SH)
            holder = None if by_hand else _holder(file)
            if (now := str(holder or "a stage that was started by hand")) != told:
                wait(told := now)
            fcntl.flock(file, fcntl.LOCK_UN)
            time.sleep(POLL)
        lost, inode = _holder(file), os.fstat(file.fileno()).st_ino
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        mine = Holder(uuid.uuid4().hex, os.getpid(), who, since, inode)
        rewrite(file, json.dumps(mine._asdict()))
        try:
            yield Held(mine.token, lost if lost and lost.file == inode else None)
        finally:
            rewrite(file, "")


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Keep retrainings away meanwhile; nothing to do for a process that belongs to one.

    Raises LockedError if another process is retraining.
    """
    with _opened(path) as file:
        if not locked(file, fcntl.LOCK_SH):
            holder = _holder(file)
            if holder is None or holder.token != os.environ.get(HOLDER):
                raise LockedError(
                    f"{path}: a retraining is going on ({holder or 'just started'}); "
                    "wait for it to end, or cancel it. If DVC has removed this stage's outputs, "
                    "`dvc checkout` brings them back"
                )
        yield


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        yield file


def locked(file: IO[str] | int, kind: int) -> bool:
    """Whether a lock of this kind could be had at once; it ends when the file is closed."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: IO[str]) -> Holder | None:
    file.seek(0)
    try:
        content = file.read()
        return Holder(**json.loads(content)) if content else None
    except (ValueError, TypeError):
        return None  # half written or damaged; it is the system that locks, this only gives a name


def rewrite(file: IO[str], content: str) -> None:
    """Put content into an open file in the place of all that it holds."""
    file.seek(0)
    file.truncate()
    file.write(content)
    file.flush()
