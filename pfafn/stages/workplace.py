"""Where a stage keeps unfinished work: `.work/STAGE/FINGERPRINT/`, beside `artifacts/`.

Outside DVC's outputs, so it survives a kill and what DVC does before the next run; under the
fingerprint of inputs, params and code, so nothing is ever continued that has become another
computation.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pfafn.kit.errors import UserError
from pfafn.kit.lock import locked

KEPT = 2  # unfinished computations of a stage beside the present one
PATIENCE = 10.0  # seconds; loader processes of a killed stage end a moment after it


class StageBusy(UserError):
    """The same stage is running in another process; the message names it."""


class NoFolder(UserError, FileNotFoundError):
    """The current folder has been removed; nothing can be found from it."""


class NoSpace(UserError, OSError):
    """A disk is too small for what is to be written; the message says how much is needed."""


def check_folder() -> None:
    """Raise NoFolder if the current folder is gone: libraries would crash one after the other."""
    try:
        os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        raise NoFolder(
            "the current folder has been removed: change to the project's root (`cd`, also if it "
            "is there again) and run the same again"
        ) from None


def place(out: Path) -> Path:
    """The folder of the unfinished work of the stage that writes `out` = ROOT/artifacts/STAGE."""
    return out.absolute().parent.parent / ".work" / out.name


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process that works in a stage's folder; it is made if need be.

    The lock is the operating system's: it ends with the process. Raises StageBusy if another
    process has it and does not end soon.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    end = time.monotonic() + PATIENCE
    try:
        while not locked(handle, fcntl.LOCK_EX):
            if time.monotonic() > end:
                raise StageBusy(
                    f"stage {folder.name} is running already in this project, in another process: "
                    "wait for it, or end it; what it has done is kept"
                )
            time.sleep(0.2)
        yield
    finally:
        os.close(handle)


def prune(folder: Path, present: str) -> None:
    """Remove the oldest unfinished work of a stage, but for the present fingerprint's."""
    others = [p for p in folder.iterdir() if p.is_dir() and p.name != present]
    for path in sorted(others, key=lambda p: p.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def need(folder: Path, size: float, what: str) -> None:
    """Raise NoSpace unless the disk of `folder` (made if need be) has `size` bytes free."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size:
        raise NoSpace(
            f"{folder}: {what} needs about {size / 1e9:.2f} GB, {free / 1e9:.2f} GB are free: make "
            "room, or put the folder on a larger disk"
        )
