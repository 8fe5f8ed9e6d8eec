"""Is what a GPU computes here right, does it stop and go on, and how fast is it: one command.

    python -m benchmarks.gpu [--seconds 360] [--out build/gpu] [--only PART ...]

It needs a checkout, torch and what a training needs; no network, no installation, and none of DVC,
Prefect, MLflow and Dask. Each part is a process of its own with a limit: one that fails, crashes or
hangs hides nothing of the others. Beside many cores those that time nothing run side by side. Every
answer is told when it is there, and OUT/gpu.md and OUT/gpu.json hold all answers so far. Exit code
1 if something failed. PFAFN_DEVICE=cpu asks a CPU the same, with small networks.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path
from queue import Queue
from typing import NamedTuple

from benchmarks.gpu.findings import Finding, counted, is_finding, markdown
from pfafn.kit.files import write_text
from pfafn.kit.signals import Stopped, stopping

ROOT = Path(__file__).parents[2]
GRACE = 10  # seconds between the end of a part's time, which it tells, and its life


class Part(NamedTuple):
    """seconds: at most; measures: takes what time is left, of which the others leave some.

    times: must have the device to itself.
    """

    seconds: float
    times: bool = False
    measures: bool = False


PARTS = {
    "machine": Part(80, times=True),  # a machine that has just started reads torch slowly
    "parity": Part(100),
    "kernels": Part(70),
    "together": Part(90),
    "trainings": Part(150),
    "steps_switched": Part(200),
    "switches": Part(100, times=True),
    "tryon": Part(60, times=True, measures=True),
    "steps": Part(360, times=True, measures=True),
}
LEFT = 80  # seconds that the other parts leave to what measures
CORES = 8  # from which on parts that time nothing run side by side


def command(name: str, seconds: float) -> list[str]:
    return [sys.executable, "-m", "benchmarks.gpu.part", name, str(time.time() + seconds)]


def run(
    name: str, seconds: float, out: Path, setting: dict[str, str], started: list[subprocess.Popen]
) -> Iterator[Finding]:
    """What a part finds, and how it ended if that was not well. started: its process joins it."""
    log, late = out / f"{name}.log", threading.Event()
    environment = {"PYTHONFAULTHANDLER": "1"} | setting | os.environ
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command(name, seconds - GRACE), stdout=subprocess.PIPE, stderr=errors, text=True,
            cwd=ROOT, env=environment, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        started.append(process)
        alarm = threading.Timer(seconds, lambda: (late.set(), end(process)))
        alarm.start()
        try:
            for line in filter(is_finding, process.stdout):
                yield Finding(**json.loads(line))
            process.wait()
        finally:
            alarm.cancel()
            end(process)
    if late.is_set():
        yield Finding(name, "its end", f"hung: ended after {seconds:.0f} s, see {log}", False, {})
    elif process.returncode:
        last = ["", *filter(None, log.read_text(errors="replace").splitlines())][-1]
        told = f"exit code {process.returncode}, see {log}: {last}"
        yield Finding(name, "its end", told, False, {})


def end(process: subprocess.Popen) -> None:
    """Kill a part and whatever it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def side_by_side(limits: dict[str, float], out: Path) -> Iterator[Finding]:
    """What parts find that run at once, as it comes; limits: seconds of each.

    They share the cores: threads of more than there are would wait for each other, spinning.
    """
    found: Queue[Finding | None] = Queue()
    started: list[subprocess.Popen] = []
    share = max(1, (os.cpu_count() or 1) // max(1, len(limits)))
    setting = {"OMP_NUM_THREADS": str(share)} if len(limits) > 1 else {}

    def follow(name: str, seconds: float) -> None:
        try:
            for finding in run(name, seconds, out, setting, started):
                found.put(finding)
        finally:
            found.put(None)  # it has no more

    threads = [threading.Thread(target=follow, args=one, daemon=True) for one in limits.items()]
    try:
        for thread in threads:
            thread.start()
        for _ in limits:
            yield from iter(found.get, None)
    finally:  # asked to stop, the parts end first, one that is just being started, too
        limit = time.monotonic() + GRACE
        while any(thread.is_alive() for thread in threads) and time.monotonic() < limit:
            for process in started:
                end(process)
            time.sleep(0.05)


def turns(names: list[str]) -> list[list[str]]:
    """The parts that run side by side, one turn after the other."""
    if (os.cpu_count() or 1) < CORES:
        return [[name] for name in names]
    groups = groupby(names, key=lambda name: name if PARTS[name].times else "")
    return [list(group) for _, group in groups]


def ask(names: list[str], seconds: float, out: Path, tell: Callable[[Finding], None]) -> None:
    """Run parts in turns; tell: told each finding when it is there."""
    ends, spare = time.monotonic() + seconds, any(PARTS[name].measures for name in names)
    for turn in turns(names):
        left, limits = ends - time.monotonic(), {}
        for name in turn:
            part = PARTS[name]
            limit = min(part.seconds, left - (LEFT if spare and not part.measures else 0))
            if limit > GRACE:
                limits[name] = limit
                continue
            late = "not asked, no time was left: raise --seconds"
            tell(Finding(name, "its end", late, False, {}))
        with closing(side_by_side(limits, out)) as findings:
            for finding in findings:
                tell(finding)


def main(given: list[str] | None = None) -> int:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.gpu", description=lines[0])
    parser.add_argument("--seconds", type=float, default=360, help="at most, default 360")
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), metavar="FOLDER",
                        help="where gpu.md, gpu.json and logs go, default build/gpu")  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART",
                        help=f"some of: {' '.join(PARTS)}")  # fmt: skip
    asked = parser.parse_args(given)
    asked.out.mkdir(parents=True, exist_ok=True)
    found: list[Finding] = []

    def tell(finding: Finding) -> None:
        print(finding, flush=True)
        found.append(finding)
        found.sort(key=lambda one: list(PARTS).index(one.part))  # side by side they come as they do
        write_text(asked.out / "gpu.md", markdown("What the device answered", found))
        write_text(asked.out / "gpu.json", json.dumps([f._asdict() for f in found], indent=1))

    began = time.monotonic()
    try:
        with stopping():
            ask(asked.only, asked.seconds, asked.out.resolve(), tell)
    except Stopped as stopped:
        print(f"stopped; {asked.out}/gpu.md has what there is", file=sys.stderr)
        return stopped.code
    took = time.monotonic() - began
    print(f"{counted(found)}; {took:.0f} s; {asked.out}/gpu.md, {asked.out}/gpu.json")
    return int(any(finding.passed is False for finding in found))


if __name__ == "__main__":
    sys.exit(main())
