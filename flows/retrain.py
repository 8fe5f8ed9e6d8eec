"""Retrain: DVC decides what is stale, Prefect when and where it runs.

The stages, their order and their cache are DVC's; this flow asks for them and runs one task for
each, so it ends where `dvc repro` would. `python -m flows.retrain` needs no server.
"""

import argparse
import json
import signal
import sys
from typing import Any

from prefect import flow, get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows import dvc
from flows.process import run_logged

ALWAYS_CHANGED = "always changed"  # what `dvc status` says of a stage without outputs to compare


class NotUpToDate(RuntimeError):
    """After the stages ran DVC still finds some of them stale; the message lists why."""


def is_contention(_: Any, __: TaskRun, state: State[Any]) -> bool:
    """Retry only what another DVC process holding a lock caused; a failed stage fails again."""
    return dvc.held_up(state.result(raise_on_failure=False))


@task(
    task_run_name="{stage}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=is_contention,
    cache_policy=NO_CACHE,  # DVC is the cache
    persist_result=False,
    tags=["dvc"],
)
def reproduce(stage: str, force: bool = False) -> None:
    """Bring one stage up to date; a no-op when nothing it reads has changed."""
    command = [*dvc.DVC, "repro", "--single-item", *(["--force"] if force else []), stage]
    run = {"PFAFN_FLOW_RUN_ID": str(runtime.flow_run.id or "")}
    run_logged(command, get_run_logger().info, dvc.ROOT, dvc.environment() | run)


@task(task_run_name="verify", cache_policy=NO_CACHE, persist_result=False, tags=["dvc"])
def verify(stages: list[str]) -> None:
    """Prove that the run ended where `dvc repro` does: of these stages, none is stale.

    Raises NotUpToDate saying what DVC still finds changed.
    """
    status = json.loads(dvc.ask("status", "--json", *stages))
    stale = {name: why for name, why in status.items() if why != [ALWAYS_CHANGED]}
    if stale:
        raise NotUpToDate(f"stale after the run: {json.dumps(stale)}; run it again")


@flow(name="retrain")
def retrain(stages: list[str] | None = None, force: bool = False) -> None:
    """Bring photos, models, evaluation and registry up to date, one task per DVC stage.

    Args:
        stages: only these of the stages in dvc.yaml; all of them by default.
        force: run them even if nothing they read has changed.
    """
    chosen = dvc.stage_names(stages)
    if (dvc.ROOT / dvc.DATA).is_file():  # photos may also lie there unversioned
        reproduce(dvc.DATA)
    for stage in chosen:
        reproduce(stage, force)
    verify(chosen)


def main() -> None:
    """Run the flow here and now, with a server that lives as long as the run."""
    parser = argparse.ArgumentParser(prog="python -m flows.retrain", description=retrain.__doc__)
    parser.add_argument("stages", nargs="*", help="only these stages (default: all)")
    parser.add_argument("--force", action="store_true", help="run even what is up to date")
    given = parser.parse_args()
    (dvc.ROOT / ".work").mkdir(exist_ok=True)
    # A terminated run must stop its stage as Ctrl-C does, not leave it behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    retrain(given.stages or None, given.force)


if __name__ == "__main__":
    main()
