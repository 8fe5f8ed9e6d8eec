"""Serve the deployments of prefect.yaml on this machine: schedules, buttons, triggers.

`python -m flows.deployments` registers them with the server at PREFECT_API_URL and then runs what
is due, until SIGTERM or Ctrl-C. A schedule that somebody paused in the UI stays paused.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger, EventTrigger, Posture
from prefect.events.actions import ChangeFlowRunState
from prefect.runner import Runner

from flows import owner, server
from flows.dvc import ROOT
from pfafn.kit.errors import UserError, permitted

PREFECT_YAML = ROOT / "prefect.yaml"
SILENCE = timedelta(seconds=120)  # four heartbeats, see prefect.toml
HEARTBEAT = "prefect.flow-run.heartbeat"
NO_SERVER = (
    "no server to register with: set PREFECT_API_URL, or run `pfafn ui`, which has one of its own"
)
ENDS = ("Completed", "Failed", "Cancelled", "Crashed")


def schedule(entry: dict[str, Any]) -> DeploymentScheduleCreate:
    """One schedule of prefect.yaml.

    Whether it is active is left open: the server keeps what the UI says, and starts a new one on.
    """
    cron = CronSchedule(cron=entry["cron"], timezone=entry["timezone"])
    return DeploymentScheduleCreate(schedule=cron, slug=entry["slug"])


def deployment(entry: dict[str, Any]) -> RunnerDeployment:
    """One deployment of prefect.yaml, to be run here rather than by a worker of its work pool."""
    return RunnerDeployment.from_entrypoint(
        entry["entrypoint"],
        entry["name"],
        description=entry["description"],
        tags=entry["tags"],
        schedules=[schedule(given) for given in entry.get("schedules", [])],
        concurrency_limit=ConcurrencyLimitConfig(**entry["concurrency_limit"]),
        triggers=[DeploymentEventTrigger(**given) for given in entry.get("triggers", [])],
        # The rest of the form is the flow's signature.
        enforce_parameter_schema=True,
    )


def deployments(file: Path = PREFECT_YAML) -> list[RunnerDeployment]:
    """All deployments of a prefect.yaml."""
    return [deployment(entry) for entry in yaml.safe_load(file.read_text())["deployments"]]


def crash_watch() -> Automation:
    """Mark a run as crashed that died without a word: no heartbeat and no end for SILENCE.

    So it gives back its slot, and the next run can start.
    """
    return Automation(
        name="a silent run has crashed",
        description="A run without a sign of life is marked as crashed and gives its slot back.",
        trigger=EventTrigger(
            after={HEARTBEAT},
            expect={HEARTBEAT, *(f"prefect.flow-run.{end}" for end in ENDS)},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"No sign of life for {SILENCE.seconds} seconds; its checkpoint is kept.",
            )
        ],
    )


def ensure(wanted: Automation) -> None:
    """Create an automation, unless the server has it: whoever switched it off meant it."""
    try:
        Automation.read(name=wanted.name)
    except ValueError:
        wanted.create()


def here(served: UUID) -> None:
    """Tell the server where a deployment is: of one that it has, Prefect keeps the old place."""
    with get_client(sync_client=True) as client:
        client.update_deployment(served, DeploymentUpdate(path=str(ROOT)))


class Runs(Runner):
    """Runs what is due, and cancels what is running when it is told to stop."""

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        """Cancel the runs, as the button in the UI does: stages save, and the server knows.

        Prefect's own handler leaves the coroutine that would do so behind, and the runs get killed.
        """
        self.execute_in_background(self.astop)


def main() -> None:
    """Register and serve until told to stop, or until the server is gone for good."""
    os.chdir(ROOT)  # the runs start where the project is
    if not server.url():
        sys.exit(f"error: {NO_SERVER}")
    try:
        server.check()
        with permitted(ROOT):
            if news := owner.settle(ROOT):
                print(news)
            serve()
    except UserError as error:
        sys.exit(f"error: {error}")


def serve() -> None:
    """Register the deployments and run what is due. Raises ServerError if the server is gone."""
    ensure(crash_watch())
    # Not paused at the end: a pause belongs to the people in front of the UI.
    runs = Runs(pause_on_shutdown=False)
    for wanted in (served := deployments()):
        here(runs.add_deployment(wanted))
    print("serving", ", ".join(wanted.full_name for wanted in served))
    signal.signal(signal.SIGINT, runs.handle_sigterm)
    try:
        asyncio.run(runs.start())
    except Exception:
        server.check()  # Prefect itself only says that too many of its own errors came together
        raise


if __name__ == "__main__":
    main()
