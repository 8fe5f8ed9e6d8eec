"""Asked to stop, or robbed of a loader, at any moment: a training keeps its last whole step.

`timeout`, SLURM, containers and Kubernetes signal all processes of a command, systems that run out
of memory kill one. PFAFN_STOPS = how many stops of each kind, PFAFN_KILL_SEED = other moments.
"""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import numpy as np
import psutil
import pytest
from killing import TRAININGS, Project

pytestmark = pytest.mark.slow

STOPS = int(os.environ.get("PFAFN_STOPS", "1"))
SEED = int(os.environ.get("PFAFN_KILL_SEED", "0"))


class Undisturbed(NamedTuple):
    hashes: dict[str, str]
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(project: Project) -> dict[str, Undisturbed]:
    """How each stage goes in peace, by itself and with 4 loader processes the same."""
    found = {}
    for stage in ("prepare", "annotate", "tutor_warp", "tutor_tryon", "fakes", *TRAININGS[2:]):
        project.finish(stage)
        hashes = project.hashes(stage)
        began = time.monotonic()
        project.finish(stage, environment=loaders(4))
        assert project.hashes(stage) == hashes
        found[stage] = Undisturbed(hashes, time.monotonic() - began)
    return found


def loaders(count: int) -> dict[str, str]:
    """No resume point is due by itself: there is the one that a stop writes, or none."""
    return {"PFAFN_WORKERS": str(count), "PFAFN_CHECKPOINT_STEPS": "0"}


def running(project: Project, stage: str, count: int, seconds: float) -> BaseProcess:
    """A training with so many loader processes, this long after it began."""
    process = project.start(stage, environment=loaders(count), own_group=True)
    while process.is_alive() and not list((project.root / ".work" / stage).iterdir()):
        time.sleep(0.01)
    process.join(seconds)
    return process


@pytest.fixture(scope="module")
def score() -> Iterator[Counter[str]]:
    """Stops survived, by kind; shown at the end. One that comes too late is none."""
    survived: Counter[str] = Counter()
    yield survived
    print(f"\nstops survived: {survived.total()} {dict(survived)}")


def stopped(
    project: Project,
    normal: Undisturbed,
    stage: str,
    count: int,
    seed: list[int],
    stop: Callable[[BaseProcess], object],
) -> Iterator[int | None]:
    """How a training ends that is stopped at random moments, but for those that were done before.

    After each it is run again, and ends as if nothing had been.
    """
    rng = np.random.default_rng([SEED, TRAININGS.index(stage), count, *seed])
    for _ in range(STOPS):
        process = running(project, stage, count, rng.uniform(0, 0.7 * normal.seconds))
        if process.is_alive():
            stop(process)
        code = project.end(process)
        assert "Traceback" not in project.said(), project.said()
        if code != 0:
            yield code
            said = project.finish(stage)
            assert code == 1 or re.search(r"resumed at [1-9]", said), said
        assert project.hashes(stage) == normal.hashes


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to", ["group", "parent"])
@pytest.mark.parametrize("stage", TRAININGS)
def test_asked_to_stop_it_goes_on_from_its_last_whole_step(
    project: Project,
    undisturbed: dict[str, Undisturbed],
    score: Counter[str],
    stage: str,
    to: str,
    number: signal.Signals,
    count: int,
) -> None:
    send = os.killpg if to == "group" else os.kill
    seed = [number, len(to)]
    for code in stopped(
        project, undisturbed[stage], stage, count, seed, lambda one: send(one.pid, number)
    ):
        assert code == 128 + number, project.said()
        told = rf"stopped by {number.name}(, step \d+ of \d+ is kept)?: run the same again"
        assert re.search(told, project.said()), project.said()
        score[f"{number.name} to the {to}"] += 1


def rob(process: BaseProcess) -> None:
    """Kill one of its loader processes, if it has any by now."""
    for loader in psutil.Process(process.pid).children()[:1]:
        loader.kill()


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("stage", TRAININGS)
def test_robbed_of_a_loader_it_says_so_and_goes_on_from_its_last_whole_step(
    project: Project,
    undisturbed: dict[str, Undisturbed],
    score: Counter[str],
    stage: str,
    count: int,
) -> None:
    for code in stopped(project, undisturbed[stage], stage, count, [], rob):
        assert code == 1, project.said()
        assert re.search(r"error: loader process \d+ was killed", project.said())
        score["SIGKILL to a loader"] += 1
