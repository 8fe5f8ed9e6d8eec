"""What is served is what prefect.yaml says."""

import asyncio
import contextlib
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events import Posture
from prefect.flows import load_flow_from_flow_run
from prefect.logging import disable_run_logger
from prefect.settings import get_current_settings

from flows import deployments
from flows.dvc import ROOT


def test_one_retraining_at_a_time_and_the_next_one_waits() -> None:
    nightly, photos = deployments.deployments()
    assert (nightly.full_name, photos.full_name) == ("retrain/nightly", "watch/photos")
    assert nightly.concurrency_limit == 1
    assert nightly.concurrency_options.collision_strategy.value == "ENQUEUE"


def test_photos_are_looked_at_every_ten_minutes_and_retrained_on_every_night() -> None:
    nightly, photos = deployments.deployments()
    due = [(given.schedule.cron, given.schedule.timezone) for given in nightly.schedules]
    often = [(given.schedule.cron, given.schedule.timezone) for given in photos.schedules]
    assert (due, often) == ([("0 2 * * *", "UTC")], [("*/10 * * * *", "UTC")])
    assert photos.concurrency_options.collision_strategy.value == "CANCEL_NEW"


def test_a_schedule_leaves_open_whether_it_is_paused() -> None:
    entry = {"cron": "0 2 * * *", "timezone": "UTC", "slug": "nightly"}
    assert "active" not in deployments.schedule(entry).model_fields_set


def test_silence_is_several_missed_heartbeats_long() -> None:
    """One lost sign of life marks nobody as crashed."""
    assert deployments.SILENCE.seconds >= 4 * get_current_settings().flows.heartbeat_frequency
    trigger = deployments.crash_watch().trigger
    assert trigger.within == deployments.SILENCE
    assert deployments.HEARTBEAT in trigger.expect  # a sign of life ends the wait


def test_a_run_is_watched_from_its_first_sign_of_life_to_its_end() -> None:
    watch = deployments.crash_watch()
    trigger, [action] = watch.trigger, watch.actions
    assert trigger.after == {deployments.HEARTBEAT}
    ends = {f"prefect.flow-run.{end}" for end in ("Completed", "Failed", "Cancelled", "Crashed")}
    assert trigger.expect == {deployments.HEARTBEAT} | ends
    assert (trigger.posture, trigger.threshold) == (Posture.Proactive, 1)
    assert trigger.for_each == {"prefect.resource.id"}  # each run by itself
    assert trigger.match.root == {"prefect.resource.id": ["prefect.flow-run.*"]}
    assert action.state == StateType.CRASHED
    assert watch.enabled


@pytest.mark.parametrize("there", [False, True])
def test_an_automation_is_created_only_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def read(name: str) -> None:
        assert name == "a"
        if not there:
            raise ValueError("no such automation")

    created = []
    monkeypatch.setattr(deployments.Automation, "read", read)
    wanted = SimpleNamespace(name="a", create=lambda: created.append("a"))
    deployments.ensure(wanted)
    assert created == ([] if there else ["a"])


def test_what_is_served_is_run_without_pausing_it_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = []

    async def start(runs: deployments.Runs) -> None:
        started.append(runs)

    monkeypatch.setattr(deployments, "ensure", lambda wanted: started.append(wanted.name))
    monkeypatch.setattr(deployments.signal, "signal", lambda *_: None)
    monkeypatch.setattr(deployments.Runs, "add_deployment", lambda _, one: one.name)
    monkeypatch.setattr(deployments, "here", started.append)
    monkeypatch.setattr(deployments.Runs, "start", start)
    deployments.serve()
    assert started[:3] == [deployments.crash_watch().name, "nightly", "photos"]
    assert started[3].pause_on_shutdown is False
    assert capsys.readouterr().out == "serving retrain/nightly, watch/photos\n"


@pytest.mark.parametrize("served", deployments.deployments(), ids=lambda one: one.name)
def test_a_run_starts_from_the_code_where_it_stands_wherever_its_deployment_was_made(
    served: deployments.RunnerDeployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect would copy the folder of a deployment over the folder of the run."""
    (there := tmp_path / "there").mkdir()
    (here := tmp_path / "here").mkdir()
    (there / "params.yaml").write_text("old")
    (here / "params.yaml").write_text("edited")
    monkeypatch.chdir(here)

    async def read_deployment(_: object) -> SimpleNamespace:
        return SimpleNamespace(
            entrypoint=served.entrypoint, path=str(there), pull_steps=None, storage_document_id=None
        )

    client = SimpleNamespace(read_deployment=read_deployment)
    load = load_flow_from_flow_run.__wrapped__  # which would make a client of its own
    run = FlowRun(flow_id=uuid4(), deployment_id=uuid4())
    with disable_run_logger():
        assert asyncio.run(load(client, run)).name == served.flow_name
    assert (here / "params.yaml").read_text() == "edited"


def test_the_server_is_told_anew_where_a_deployment_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {}
    client = SimpleNamespace(update_deployment=told.__setitem__)
    monkeypatch.setattr(deployments, "get_client", lambda **_: contextlib.nullcontext(client))
    deployments.here(served := uuid4())
    assert told[served].model_dump(exclude_unset=True) == {"path": str(ROOT)}


def test_told_to_stop_it_cancels_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, ended = deployments.Runs(), []
    monkeypatch.setattr(runs, "execute_in_background", ended.append)
    runs.handle_sigterm(15, None)
    assert ended == [runs.astop]


def test_parameters_that_the_form_does_not_have_are_refused() -> None:
    assert all(one.enforce_parameter_schema for one in deployments.deployments())
    assert [len(one.triggers) for one in deployments.deployments()] == [1, 0]
