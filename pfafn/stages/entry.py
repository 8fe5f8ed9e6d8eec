"""How a stage starts as a program: `python -m pfafn.stages.NAME`, in the project's root."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

from pfafn import lock
from pfafn.errors import UserError
from pfafn.params import Params

ARTIFACTS = Path("artifacts")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(run: Callable[[Params, Path], object]) -> None:
    """Call run(params, artifacts) on ./params.yaml and ./artifacts.

    A user's error becomes its message on stderr and exit code 1; so do a retraining that is going
    on and that this process is no part of, and a disk that is full or cannot be read.
    """
    try:
        with lock.shared(lock.LOCK):
            run(Params.load(), ARTIFACTS)
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno is None:
            raise
        sys.exit(f"error: {of_the_disk(error)}")


def of_the_disk(error: OSError) -> str:
    """What to do about an error of the operating system."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in FULL:
        return (
            f"{where}{error.strerror}: make room and run the same again, it goes on from the last "
            "resume point"
        )
    return f"{where}{error.strerror}: set it right and run the same again"
