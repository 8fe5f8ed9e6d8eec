"""Retrain: DVC decides what is stale, Prefect when and where it runs.

The stages, their order and their cache are DVC's; this flow asks for them and runs one task for
each, so it ends where `dvc repro` would. `python -m flows.retrain` needs no server.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from httpx import HTTPError
from prefect import flow, get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun, Pause, TerminationSignal
from prefect.states import Completed, Failed
from pydantic import Field

from flows import dvc, lockfile, owner, server
from flows.artifacts import show_result, show_stages
from flows.dvc import DATA
from flows.parameters import AS_IT_IS, Profile, others, run_name
from flows.process import CommandFailed, stop_marked
from flows.tasks import UP_TO_DATE, StageRun, reason, reproduce, verify
from pfafn.kit.errors import UserError, permitted
from pfafn.kit.lock import HOLDER, LOCK, exclusive
from pfafn.registry.store import PROMOTE

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
    server.rename(run_name(profile, overrides))
    try:
        news, decided = run(profile, overrides, stages, force, promote, stage_timeout_hours)
    except CommandFailed as error:
        return server.end(Failed(message=reason(error)))
    except UserError as error:
        return server.end(Failed(message=str(error)))
    server.rename(run_name(profile, overrides, news))
    said = f"new: {', '.join(news)}" if news else "nothing had changed"
    return Completed(message=f"{said}; {decided}" if decided else said)


def run(
    profile: Profile,
    overrides: Sequence[str],
    stages: Sequence[str],
    force: bool,
    promote: bool,
    stage_timeout_hours: float | None,
) -> tuple[list[str], str]:
    """A retraining with the project for itself; the stages with news, and the gate's decision."""
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
        return bring_up_to_date(chosen, project, environment, force, limit)


def bring_up_to_date(
    chosen: list[str], project: Path, environment: dict[str, str], force: bool, limit: float | None
) -> tuple[list[str], str]:
    """Run the photos' own stage, if they are versioned, and the chosen ones; show what came of it.

    Returns the stages with news, and the gate's decision if there are some. Raises NotUpToDate if
    some are stale all the same.
    """
    wanted = [DATA, *chosen] if (dvc.ROOT / DATA).is_file() else chosen
    done: list[StageRun] = []
    try:
        for one in run_stages(wanted, project, environment, force, limit):
            done.append(one)
        if news := new_in(done):
            unless_cancelled(verify(chosen, project))
    finally:
        show_stages(done, wanted)
    return news, show_result(project, dvc.ROOT) if news else ""


def new_in(done: list[StageRun]) -> list[str]:
    """The stages that did more than look; those that DVC runs every time only look."""
    always = dvc.always_changed()
    return [one.stage for one in done if one.outcome != UP_TO_DATE and one.stage not in always]


def run_stages(
    wanted: list[str], project: Path, environment: dict[str, str], force: bool, limit: float | None
) -> Iterator[StageRun]:
    """Run stages one after the other, each at most `limit` seconds; none once it is suspended.

    DVC is asked about all of them at once, but in a copy, which was made to change something. What
    it says holds until a stage has run.
    """
    stale = set(wanted) if force or project != dvc.ROOT else stale_stages(wanted)
    # Called, not submitted: only so does a time limit stop a stage that says nothing.
    limited = reproduce.with_options(timeout_seconds=limit)
    for stage in wanted:
        photos = stage == DATA  # which are never forced, and the project's own
        place = dvc.ROOT if photos else project
        unless_suspended()
        done = unless_cancelled(
            limited(stage, place, environment, force and not photos, stage not in stale)
        )
        if done.outcome != UP_TO_DATE:
            stale = set(wanted)  # what it wrote may concern all that follow
        yield done


def unless_suspended() -> None:
    """End here if somebody suspended this run: resumed, it begins anew and finds what is done."""
    if state := server.suspended():
        raise Pause(state=state)


def unless_cancelled(done: Any) -> Any:
    """What a task gave; one that was cancelled ends the run, with what it said of what is kept."""
    if isinstance(done, State):
        unless_suspended()
        server.stopped(done.message or "")
        raise TerminationSignal(signal.SIGTERM)
    return done


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
    except (UserError, FailedRun) as error:
        sys.exit(f"error: {error}")  # where it happened is in the log already
    except HTTPError as error:  # after the retries of Prefect's client
        print(f"error: {server.lost(error)}", file=sys.stderr, flush=True)
        # Not sys.exit: Prefect would then try for minutes to send each event and log that is left.
        os._exit(1)


if __name__ == "__main__":
    main()
