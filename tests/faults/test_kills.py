"""SIGKILL at any moment of any stage: started again, it ends with the same bytes.

PFAFN_KILLS = how many in all, PFAFN_KILL_SEED = another set of moments. Half of the moments are
random times, half a random change of the project's files: a rename, a removal, a file's opening.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from killing import STAGES, TRAININGS, Project, context

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("PFAFN_KILLS", "16"))
SEED = int(os.environ.get("PFAFN_KILL_SEED", "0"))
AGAIN = 0.3  # how often what was killed is killed once more


class Undisturbed(NamedTuple):
    """How a stage goes when nobody kills it."""

    hashes: dict[str, str]
    seconds: float
    changes: int


@pytest.fixture(scope="module")
def undisturbed(project: Project) -> dict[str, Undisturbed]:
    found = {}
    for stage in STAGES:
        changes = context.Value("i", 0)
        project.finish(stage)  # once to warm up what is loaded late
        began = time.monotonic()
        project.finish(stage, changes=changes)
        took = time.monotonic() - began
        found[stage] = Undisturbed(project.hashes(stage), took, changes.value)
    return found


def kill(project: Project, stage: str, normal: Undisturbed, rng: np.random.Generator) -> bool:
    """Run the stage and kill it; False if it was done before."""
    if rng.random() < 0.5:
        at = int(rng.integers(1, normal.changes + 1))
        process = project.start(stage, die_at=at)
        project.end(process)
    else:
        process = project.start(stage)
        process.join(rng.uniform(0, normal.seconds))
        process.kill()
        project.end(process)
    assert process.exitcode in (0, -9), project.said()
    return process.exitcode == -9


@pytest.fixture(scope="module")
def score() -> Iterator[dict[str, int]]:
    """Kills survived by stage; shown at the end."""
    survived: dict[str, int] = {}
    yield survived
    print(f"\nkills survived: {sum(survived.values())} {survived}")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_killed_ends_as_if_it_had_not_been(
    project: Project, undisturbed: dict[str, Undisturbed], stage: str, score: dict[str, int]
) -> None:
    normal = undisturbed[stage]
    rng = np.random.default_rng([SEED, STAGES.index(stage)])
    resumed = kills = 0
    while kills < -(-KILLS // len(STAGES)):
        if not kill(project, stage, normal, rng):
            continue
        kills += 1
        if rng.random() < AGAIN:
            kills += kill(project, stage, normal, rng)
        resumed += "resumed at" in project.finish(stage)
        assert project.hashes(stage) == normal.hashes
        assert leftovers(project, stage) == []
        score[stage] = kills
    if kills >= 8 and stage in TRAININGS:
        assert resumed, "it never went on from where it was: this test shows nothing"


def leftovers(project: Project, stage: str) -> list[Path]:
    """What a finished stage should not leave behind."""
    hidden = [p for p in (project.root / "artifacts").iterdir() if p.name.startswith(".")]
    return hidden + list((project.root / ".work" / stage).iterdir())


def test_killed_once_in_every_stage_the_whole_ends_the_same(
    project: Project, undisturbed: dict[str, Undisturbed]
) -> None:
    shutil.rmtree(project.root / "artifacts")
    rng = np.random.default_rng([SEED, 99])
    for stage in STAGES:
        kill(project, stage, undisturbed[stage], rng)
        project.finish(stage)
    for stage in STAGES:
        assert project.hashes(stage) == undisturbed[stage].hashes
