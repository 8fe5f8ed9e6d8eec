"""How a stage starts as a program: `python -m pfafn.stages.NAME`, in the project's root."""

import sys
from collections.abc import Callable
from pathlib import Path

from pfafn import lock
from pfafn.errors import UserError
from pfafn.params import Params

ARTIFACTS = Path("artifacts")


def main(run: Callable[[Params, Path], object]) -> None:
    """Call run(params, artifacts) on ./params.yaml and ./artifacts.

    A user's error becomes its message on stderr and exit code 1; so does a retraining that is going
    on and that this process is no part of.
    """
    try:
        with lock.shared(lock.LOCK):
            run(Params.load(), ARTIFACTS)
    except UserError as error:
        sys.exit(f"error: {error}")
