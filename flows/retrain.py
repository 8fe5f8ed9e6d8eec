"""Retrain: DVC decides what is stale, Prefect when and where it runs.

The stages, their order and their cache are DVC's; this flow asks for them and runs one task for
each, so it ends where `dvc repro` would. `python -m flows.retrain` needs no server.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

from httpx import HTTPError
from prefect import flow, get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed
from pydantic import Field

from flows import dvc, lockfile, owner, server
from flows.artifacts import show_result, show_stages
from flows.dvc import DATA
from flows.parameters import AS_IT_IS, Profile, others
from flows.process import CommandFailed, run_logged, stop_marked
from pfafn.kit.errors import UserError, permitted
from pfafn.kit.lock import HOLDER, LOCK, exclusive
from pfafn.registry.store import PROMOTE

UP_TO_DATE = "up to date"
ALWAYS_CHANGED = "always changed"  # what `dvc status` says of a stage without outputs to compare
# How a kill shows: dvc itself killed, or its stage (an out-of-memory killer, a lost container).
KILLED = ("exited with -9", "exited with 137")


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
) -> StageRun:
    """Bring one stage up to date; a no-op when nothing it reads has changed.

    project: the project's folder, or its copy. clean: DVC was asked already, and said so.
    """
    log = get_run_logger().info
    outcome = UP_TO_DATE
    if clean:
        log("nothing has changed")
        return StageRun(stage, outcome, 0.0)

    lockfile.mend(project, log)  # before a retry, too: what was killed may have been DVC, writing

    def follow(line: str) -> None:
        nonlocal outcome
        if line.startswith("Running stage "):
            outcome = "ran"
        elif "is cached - skipping run" in line:
            outcome = "from cache"
        log(line)

    command = [*dvc.DVC, "repro", "--single-item", *(["--force"] if force else []), stage]
    start = time.monotonic()
    run_logged(command, follow, project, environment)
    return StageRun(stage, outcome, round(time.monotonic() - start, 1))


@task(task_run_name="verify", cache_policy=NO_CACHE, persist_result=False)
def verify(stages: list[str], project: Path) -> None:
    """Prove that the run ended where `dvc repro` does: of these stages, none is stale.

    Raises NotUpToDate saying what DVC still finds changed.
    """
    changed = dvc.status(stages, project)
    stale = {name: why for name, why in changed.items() if why != [ALWAYS_CHANGED]}
    if stale:
        raise NotUpToDate(f"stale after the run: {json.dumps(stale)}; run it again")


Hours = Annotated[float, Field(gt=0)]


@flow(name="retrain")
def retrain(
    profile: Profile = AS_IT_IS,
    overrides: Sequence[str] = (),
    stages: Sequence[str] = (),
    force: bool = False,
    promote: bool = True,
    stage_timeout_hours: Hours | None = None,
) -> State[None]:
    """Bring photos, models, evaluation and registry up to date, one task per DVC stage.

    With another profile or overrides all of it happens in a copy of the project, .work/copy: the
    project's own params.yaml, artifacts and dvc.lock stay as they are.

    Args:
        profile: params.yaml as it is, or one of profiles/ in its place for this run.
        overrides: other params for this run, each as section.key=value, e.g. student_tryon.epochs=3
        stages: only these of the stages in dvc.yaml; all of them by default.
        force: run them even if nothing they read has changed.
        promote: whether a better model becomes champion; if not it stays the challenger.
        stage_timeout_hours: stop a stage that takes longer; its checkpoint stays.
    """
    log = get_run_logger().info
    lockfile.mend(dvc.ROOT, log)  # DVC would not even list its stages
    chosen = dvc.stage_names(stages)
    params = others(dvc.ROOT, profile, overrides)
    who = f"retrain {runtime.flow_run.name!r}, flow run {runtime.flow_run.id}"
    with exclusive(dvc.ROOT / LOCK, who, lambda holder: log(f"waiting for {holder}")) as held:
        if held.lost and (left := stop_marked(HOLDER, held.lost.token)):
            log(f"stopped the processes {left} that were left of {held.lost}")
        lockfile.mend(dvc.ROOT, log)  # those, or who held the lock, may have died writing it
        environment = dvc.environment() | {
            HOLDER: held.token,
            PROMOTE: "yes" if promote else "no",
            "PFAFN_FLOW_RUN_ID": str(runtime.flow_run.id or ""),
            "DVC_ROOT": str(dvc.ROOT),  # whose registry it is, also for a copy
        }
        project = dvc.copy(params) if params else dvc.ROOT
        if params:
            log(f"{profile} with {', '.join(overrides) or 'no override'}: runs in {project}")
        limit = stage_timeout_hours and stage_timeout_hours * 3600
        news = bring_up_to_date(chosen, project, environment, force, limit)
    return Completed(message=f"new: {', '.join(news)}" if news else "nothing had changed")


def bring_up_to_date(
    chosen: list[str], project: Path, environment: dict[str, str], force: bool, limit: float | None
) -> list[str]:
    """Run the photos' own stage, if they are versioned, and the chosen ones; show what came of it.

    Returns the stages with news. Raises NotUpToDate if some are stale all the same.
    """
    wanted = [DATA, *chosen] if (dvc.ROOT / DATA).is_file() else chosen
    runs: list[StageRun] = []
    try:
        for run in run_stages(wanted, project, environment, force, limit):
            runs.append(run)
        if news := new_in(runs):
            verify(chosen, project)
    finally:
        show_stages(runs, wanted)
    if news:
        show_result(project, dvc.ROOT)
    return news


def new_in(runs: list[StageRun]) -> list[str]:
    """The stages that did more than look; those that DVC runs every time only look."""
    always = dvc.always_changed()
    return [run.stage for run in runs if run.outcome != UP_TO_DATE and run.stage not in always]


def run_stages(
    wanted: list[str], project: Path, environment: dict[str, str], force: bool, limit: float | None
) -> Iterator[StageRun]:
    """Run stages one after the other, each at most `limit` seconds.

    DVC is asked about all of them at once, but in a copy, which was made to change something. What
    it says holds until a stage has run.
    """
    stale = set(wanted) if force or project != dvc.ROOT else stale_stages(wanted)
    # Called, not submitted: only so does a time limit stop a stage that says nothing.
    limited = reproduce.with_options(timeout_seconds=limit)
    for stage in wanted:
        photos = stage == DATA  # which are never forced, and the project's own
        place = dvc.ROOT if photos else project
        run = limited(stage, place, environment, force and not photos, stage not in stale)
        if run.outcome != UP_TO_DATE:
            stale = set(wanted)  # what it wrote may concern all that follow
        yield run


def stale_stages(wanted: list[str]) -> set[str]:
    """Those that DVC finds changed; all of them if it is busy, as each task waits for it."""
    try:
        return set(dvc.status(wanted))
    except CommandFailed as error:
        if not dvc.held_up(error):
            raise
        return set(wanted)


def main() -> None:
    """Run the flow here and now; without PREFECT_API_URL, with a server that lives as long."""
    parser = argparse.ArgumentParser("python -m flows.retrain", description="Bring all up to date.")
    parser.add_argument("stages", nargs="*", help="only these stages (default: all)")
    parser.add_argument("--profile", choices=get_args(Profile), default=AS_IT_IS)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--force", action="store_true", help="run even what is up to date")
    parser.add_argument("--no-promote", action="store_true", help="make no champion")
    parser.add_argument("--stage-timeout-hours", type=float, metavar="HOURS")
    given = parser.parse_args()
    # A terminated run must stop its stage as Ctrl-C does, not leave it behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        server.check()
        with permitted(dvc.ROOT):
            if news := owner.settle(dvc.ROOT):
                print(news)
            retrain(
                given.profile,
                given.set,
                given.stages,
                given.force,
                not given.no_promote,
                given.stage_timeout_hours,
            )
    except (UserError, CommandFailed) as error:
        sys.exit(f"error: {error}")  # where it happened is in the log already
    except HTTPError as error:  # after the retries of Prefect's client
        print(f"error: {server.lost(error)}", file=sys.stderr, flush=True)
        # Not sys.exit: Prefect would then try for minutes to send each event and log that is left.
        os._exit(1)


if __name__ == "__main__":
    main()
