"""A training that is stopped on the device, in every way, goes on where it was.

    python -m benchmarks.gpu.trainings WORK

is one of seconds that tells each step, to be stopped. On a CPU what comes out is the same to the
bit. On a GPU sums are taken in no fixed order: there only what was saved is exact, and two runs
that nobody stops differ as much as a resumed one does.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

import torch
from lightning_fabric import Fabric
from torch.utils.data import Dataset

from benchmarks.gpu.findings import Check, Found
from benchmarks.schedule import prepared
from benchmarks.subject import QUICK, batch
from benchmarks.training import PAPER
from pfafn.fast.learn import compile_parts, quicken
from pfafn.fast.recompute import recompute
from pfafn.kit import machine
from pfafn.kit.signals import Stopped
from pfafn.params.file import Params
from pfafn.samples.sample import StudentSample
from pfafn.training import resume
from pfafn.training.curve import Rows
from pfafn.training.loop import fit, resumed
from pfafn.training.processes import start_fabric
from pfafn.training.recipe import Recipe

STAGE, SAMPLES, BATCH = "student_tryon", 4, 2
STEPS = 3 * SAMPLES // BATCH  # two epochs, and one in which the rate decays
STOP = 3  # steps before a training is stopped
NEAR = 0.05  # of a loss, between two runs of a GPU or a GPU and a CPU
PAUSE = 0.2  # seconds between the steps of a training that somebody stops from outside
ROOT = Path(__file__).parents[2]


class Drawn(Dataset[StudentSample]):
    """A few drawn samples, the same in each epoch."""

    def __init__(self) -> None:
        self.all = batch(SAMPLES, QUICK.size)

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, key: tuple[int, int]) -> StudentSample:
        return one(self.all, key[1])


def one(sample: torch.Tensor | tuple, index: int) -> torch.Tensor | tuple:
    if isinstance(sample, torch.Tensor):
        return sample[index]
    return type(sample)(*(one(part, index) for part in sample))


def recipe() -> Recipe:
    params = Params.load(PAPER)
    made = prepared(params, STAGE, QUICK.widths)
    made.objective.vgg = None  # most of the time, and nothing that a resume point has
    quicken(made.objective)
    if machine.count("PFAFN_RECOMPUTE", 0):
        recompute(made.objective)
    if machine.compiles(STEPS):
        compile_parts(made.objective)
    short = {"epochs": 2, "decay": 1, "batch": BATCH, "accumulate": 1}
    return made._replace(schedule=made.schedule.model_copy(update=short))


def train(
    work: Path, watch: Callable[[Rows], object] = lambda rows: None, fabric: Fabric | None = None
) -> list[float]:
    """The loss of each step, those before the last stop included."""
    torch.use_deterministic_algorithms(False)  # as in a process that has not been on a CPU
    machine.repeat()
    adam = Params.load(PAPER).optimizer
    done = fit(recipe(), Drawn(), adam, seed=3, work=work, name=STAGE, watchers=(watch,),
               fabric=fabric)  # fmt: skip
    return [row["total"] for row in done.history]


def stopped(work: Path) -> None:
    """Train until SIGTERM comes, which it does after some steps."""

    def watch(rows: Rows) -> None:
        if len(rows) == STOP:
            signal.raise_signal(signal.SIGTERM)

    with suppress(Stopped):
        train(work, watch)


@cache
def straight() -> list[float]:
    with tempfile.TemporaryDirectory() as work:
        return train(Path(work))


def compared(curve: list[float], note: str = "") -> Found:
    """A curve against that of a training that nobody stopped."""
    off = max(abs(a - b) / b for a, b in zip(curve, straight(), strict=True))
    bound = 0 if machine.device().type == "cpu" else NEAR
    told = f"losses of {len(curve)} steps are off by {off:.1e} at most, up to {bound:g}{note}"
    return Found(told, off <= bound, {"off": off})


def checks(device: torch.device) -> Iterator[Check]:
    yield "the same again, never stopped", again
    yield "what a resume point has is restored to the bit", exact
    yield "stopped by SIGTERM, resumed", here
    yield "killed by SIGKILL, resumed", partial(from_outside, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT):
        name = f"{number.name} to all processes, two of them loaders, resumed"
        yield name, partial(from_outside, number, PFAFN_WORKERS="2")
    yield "stopped, resumed on a CPU, stopped, resumed here", elsewhere


def again() -> Found:
    with tempfile.TemporaryDirectory() as work:
        return compared(train(Path(work)))


def exact() -> Found:
    """Weights, moments, steps and random generators, in a trainer that goes on from a point."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        stopped(work)
        saved = resume.read(work).tensors
        trainer, _ = resumed(
            start_fabric(), recipe(), Params.load(PAPER).optimizer, SAMPLES // BATCH, work
        )
        restored = resume.state(trainer.net, trainer.optimizer)
    wrong = [name for name, value in saved.items() if name not in restored
             or not torch.equal(value, restored[name].cpu())]  # fmt: skip
    wrong += [name for name in restored if name not in saved]
    told = f"{len(saved)} tensors" + (f", wrong: {', '.join(wrong[:4])}" if wrong else "")
    return Found(told, not wrong)


def here() -> Found:
    with tempfile.TemporaryDirectory() as folder:
        stopped(Path(folder))
        return compared(train(Path(folder)), f"; resumed after step {STOP + 1}")


def from_outside(number: int, **environment: str) -> Found:
    """A training in a process group of its own, of which all get the signal."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        command = [sys.executable, "-m", "benchmarks.gpu.trainings", folder]
        how = os.environ | {"PFAFN_CHECKPOINT_STEPS": "1"} | environment
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=how, start_new_session=True
        ) as process:
            try:
                for _ in range(STOP):
                    process.stdout.readline()
                os.killpg(process.pid, number)
                process.communicate()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if (point := resume.read(work)) is None:
            return Found(f"exit code {process.returncode}, and no resume point", passed=False)
        step = point.point.step
        found = compared(train(work), f"; exit code {process.returncode}, resumed after {step}")
        asked = number != signal.SIGKILL
        ended = process.returncode == (128 + number if asked else -number)
        return found._replace(passed=found.passed and ended and step >= STOP - 1)


def elsewhere() -> Found:
    with tempfile.TemporaryDirectory() as folder:
        stopped(Path(folder))
        with patch.dict(os.environ, PFAFN_DEVICE="cpu"):
            step = resume.read(Path(folder)).point.step

            def watch(rows: Rows) -> None:
                if len(rows) == step + 1:
                    signal.raise_signal(signal.SIGTERM)

            with suppress(Stopped):
                train(Path(folder), watch)
        there = resume.read(Path(folder)).point.step
        return compared(train(Path(folder)), f"; resumed there after {step}, here after {there}")


def main(work: Path) -> None:
    def watch(rows: Rows) -> None:
        print(len(rows), flush=True)
        time.sleep(PAUSE)

    train(work, watch)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
