"""One part of `benchmarks.gpu`, as a process: `python -m benchmarks.gpu.part NAME UNTIL`.

Prints a JSON line per finding; everything else goes to standard error. UNTIL: in seconds of the
clock, as a machine that has just started takes long to load torch.
"""

import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module

from benchmarks.gpu.findings import Finding, Found
from benchmarks.timing import OutOfTime, within
from pfafn.kit import machine

MEASURES = ("tryon", "steps")  # that their time ends is no failure of theirs


def asked(check: Callable[[], Found]) -> Found:
    """A check's answer; an error is one, too."""
    try:
        return check()
    except Exception as error:
        traceback.print_exc()
        lines = str(error).splitlines() or [""]
        return Found(f"{type(error).__name__}: {lines[0]}", passed=False)


def main(name: str, until: float) -> None:
    def tell(case: str, found: Found) -> None:
        finding = Finding(name, case, found.told, found.passed, found.numbers)
        print(finding.line(), file=out, flush=True)

    out = sys.stdout
    try:
        with redirect_stdout(sys.stderr), within(max(0.01, until - time.time())):
            for case, check in import_module(f"benchmarks.gpu.{name}").checks(machine.device()):
                tell(case, asked(check))
    except OutOfTime as end:
        tell("its end", Found(f"out of time: {end}", None if name in MEASURES else False))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
