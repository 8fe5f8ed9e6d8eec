"""The tasks of a retraining: one for each DVC stage, and the proof that nothing is stale."""

import json
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import TerminationSignal
from prefect.states import Cancelled

from flows import dvc, lockfile, server
from flows.process import CommandFailed, run_logged

UP_TO_DATE = "up to date"
ALWAYS_CHANGED = "always changed"  # what `dvc status` says of a stage without outputs to compare
# How a kill shows: dvc itself killed, or its stage (an out-of-memory killer, a lost container).
KILLED = ("exited with -9", "exited with 137")
# What DVC says to people in front of a terminal.
HINTS = re.compile(
    r"|To track the changes with git, run:|\s*git add .*|To enable auto staging, run:"
    r"|\s*dvc config core\.autostage true|Use `dvc push` to send your updates to remote storage\."
)


class NotUpToDate(RuntimeError):
    """After the stages ran DVC still finds some of them stale; the message lists why."""


class StageRun(NamedTuple):
    """What became of one stage: `ran`, `from cache` or `up to date`, in so many seconds."""

    stage: str
    outcome: str
    seconds: float


def worth_a_retry(_: Any, __: TaskRun, state: State[Any]) -> bool:
    """Retry what was killed (it can resume) or found DVC's lock held; others would fail again."""
    error = state.result(raise_on_failure=False)
    if not isinstance(error, CommandFailed):
        return False
    killed = error.code == -9 or any(word in error.output for word in KILLED)
    return killed or dvc.held_up(error)


@task(
    task_run_name="{stage}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=worth_a_retry,
    cache_policy=NO_CACHE,  # DVC is the cache
    persist_result=False,
    # No tags: for each one Prefect asks its server for a slot, which takes a second or two.
)
def reproduce(
    stage: str, project: Path, environment: dict[str, str], force: bool = False, clean: bool = False
) -> StageRun | State[None]:
    """Bring one stage up to date; a no-op when nothing it reads has changed.

    project: the project's folder, or its copy. clean: DVC was asked already, and said so.
    A stage that is cancelled, or whose run is suspended, ends as cancelled, with what it said of
    what is kept.
    """
    log = get_run_logger().info
    outcome = UP_TO_DATE
    if clean:
        log("nothing has changed")
        return StageRun(stage, outcome, 0.0)

    lockfile.mend(project, log)  # before a retry, too: what was killed may have been DVC, writing

    kept = "stopped; what is done is kept"

    def follow(line: str) -> None:
        nonlocal outcome, kept
        if is_hint(line):
            return
        if line.startswith("stopped by "):
            kept = line
        if line.startswith("Running stage "):
            outcome = "ran"
        elif "is cached - skipping run" in line:
            outcome = "from cache"
        log(line)

    command = [*dvc.DVC, "repro", "--single-item", *(["--force"] if force else []), stage]
    start = time.monotonic()
    try:
        run_logged(command, follow, project, environment, unwanted=server.suspended)
    except (TerminationSignal, CommandFailed) as error:
        if isinstance(error, CommandFailed) and not server.suspended():
            raise
        return Cancelled(message=f"{stage}: {kept}")
    return StageRun(stage, outcome, round(time.monotonic() - start, 1))


@task(task_run_name="verify", cache_policy=NO_CACHE, persist_result=False)
def verify(stages: list[str], project: Path) -> State[None] | None:
    """Prove that the run ended where `dvc repro` does: of these stages, none is stale.

    Raises NotUpToDate saying what DVC still finds changed. Cancelled, it ends as such.
    """
    try:
        changed = dvc.status(stages, project)
    except TerminationSignal:
        return Cancelled(message="verify: stopped; all stages are done")
    stale = {name: why for name, why in changed.items() if why != [ALWAYS_CHANGED]}
    if stale:
        raise NotUpToDate(f"stale after the run: {json.dumps(stale)}; run it again")
    return None


def is_hint(line: str) -> bool:
    """Whether a line is DVC's advice, and no news of the run."""
    return HINTS.fullmatch(line) is not None


def reason(error: CommandFailed) -> str:
    """Why a stage failed, in its own words if it found some."""
    said = [line for line in error.output.splitlines() if line.startswith("error: ")]
    return said[-1].removeprefix("error: ") if said else str(error)
