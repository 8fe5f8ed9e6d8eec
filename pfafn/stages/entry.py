"""How a stage starts as a program: `python -m pfafn.stages.NAME`, in the project's root."""

import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from safetensors import SafetensorError

from pfafn.kit import lock, threads
from pfafn.kit.errors import UserError, permitted
from pfafn.kit.progress import tell
from pfafn.kit.signals import Stopped, stopping
from pfafn.params.file import Params
from pfafn.stages.workplace import check_folder

ARTIFACTS = Path("artifacts")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(run: Callable[[Params, Path], object], *, trains: bool = False) -> None:
    """Call run(params, artifacts) on ./params.yaml and ./artifacts.

    trains: in a process that computes repeatably and keeps its memory from step to step. What
    computes with torch on a CPU gets a thread for each free core (`pfafn.kit.threads`).
    A user's error becomes its message on stderr and exit code 1; so do a retraining that is going
    on and that this process is no part of, and a disk that is full or cannot be read. SIGTERM and
    SIGINT become a sentence and exit code 128 + signal.
    """
    try:
        check_folder()
        tuning = tuned() if trains else nullcontext()
        with stopping(), permitted(Path.cwd()), lock.shared(lock.LOCK), threads.choosing(), tuning:
            run(Params.load(), ARTIFACTS)
    except Stopped as stopped:
        kept = f", {stopped.kept} is kept" if stopped.kept else ""
        tell(
            f"stopped by {stopped.signal.name}{kept}: run the same again, it goes on from what is "
            "done"
        )
        raise
    except UserError as error:
        sys.exit(f"error: {error}")
    except (OSError, SafetensorError) as error:
        if (said := of_the_disk(error)) is None:
            raise
        sys.exit(f"error: {said}")


@contextmanager
def tuned() -> Iterator[None]:
    """A process that trains; torch is not loaded for one that does not."""
    from pfafn.kit import heap, machine

    machine.repeat()
    with heap.kept():
        yield


def of_the_disk(error: Exception) -> str | None:
    """What to do about an error of the operating system; None if it has no number of one."""
    # Libraries that are not Python's write the number into the text.
    written = re.search(r"\(os error (\d+)\)", str(error))
    number = getattr(error, "errno", None) or (int(written.group(1)) if written else None)
    if number is None:
        return None
    file = getattr(error, "filename", None)
    what = f"{file}: {os.strerror(number)}" if file else os.strerror(number)
    if number in FULL:
        return f"{what}: make room and run the same again, it goes on from the last resume point"
    return f"{what}: set it right and run the same again"
