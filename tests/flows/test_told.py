"""What people read of a run: its name, its log, and one sentence at its end."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.logging import disable_run_logger
from prefect.states import Cancelled, Failed, Running, Suspended

from flows import retrain, server, tasks
from flows.parameters import run_name
from flows.process import CommandFailed
from pfafn.params.section import ParamsError

ID = "00000000-0000-0000-0000-000000000007"
KEPT = "stopped by SIGTERM, step 7 of 9 is kept: run the same again, it goes on from ..."
Patch = pytest.MonkeyPatch


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (("params.yaml", []), "params.yaml"),
        (("smoke", ["seed=3", "fakes.batch=2"], []), "smoke, seed=3, fakes.batch=2: nothing new"),
        (("params.yaml", [], ["evaluate"]), "params.yaml: evaluate"),
        (("params.yaml", [], ["a", "b", "c", "d"]), "params.yaml: 4 stages, a to d"),
    ],
)
def test_a_name_says_the_params_and_what_was_stale(given: tuple[Any, ...], name: str) -> None:
    assert run_name(*given) == name


class Client:
    """A Prefect server that has one run, in a state."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state
        self.names: list[tuple[UUID, str]] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update_flow_run(self, of: UUID, name: str) -> None:
        self.names.append((of, name))

    def read_flow_run(self, _: UUID) -> SimpleNamespace:
        if self.state is None:
            raise httpx.ConnectError("away")
        return SimpleNamespace(state=self.state)

    def read_flow_runs(self, **asked: Any) -> list[SimpleNamespace]:
        self.asked = asked
        return [SimpleNamespace(state_type=self.state.type)] if self.state else []


def known(
    patch: Patch, client: Client, name: str = "amber-heron", deployment: str | None = ID
) -> None:
    """This run is one that the server of this client has."""
    run = SimpleNamespace(id=ID, name=name)
    of = SimpleNamespace(flow_run=run)
    patch.setattr(server, "deployed", lambda: deployment is not None)
    patch.setattr(server, "runtime", of)
    patch.setattr(server, "get_client", lambda **_: client)


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("amber-heron", True),
        ("phi436-doradus-band", True),  # of the form for a custom run
        ("xi2-canis-majoris", True),
        ("by-hand", False),
        ("beta-test", False),
        ("my own try", False),
    ],
)
def test_a_name_of_prefects_is_replaced_and_a_persons_stays(
    monkeypatch: Patch, name: str, renamed: bool
) -> None:
    known(monkeypatch, client := Client(), name)
    server.rename("smoke: evaluate")
    assert client.names == ([(UUID(ID), "smoke: evaluate")] if renamed else [])


def test_a_run_that_somebody_suspended_ends_before_its_next_stage(monkeypatch: Patch) -> None:
    known(monkeypatch, Client(state := Suspended()))
    monkeypatch.setattr(retrain, "stale_stages", set)
    with pytest.raises(Pause) as pause:
        list(retrain.run_stages(["first"], retrain.dvc.ROOT, {}, False, None))
    assert pause.value.state == state


@pytest.mark.parametrize(
    ("state", "deployment"), [(Running(), ID), (None, ID), (Suspended(), None)]
)
def test_no_other_run_is_suspended(
    monkeypatch: Patch, state: State | None, deployment: str | None
) -> None:
    known(monkeypatch, Client(state), deployment=deployment)
    assert server.suspended() is None


@pytest.mark.parametrize("kind", StateType)
def test_only_a_cancelled_or_crashed_run_was_stopped(monkeypatch: Patch, kind: StateType) -> None:
    known(monkeypatch, Client(State(type=kind)))
    stopped = server.stopped_since(Running().timestamp, "retrain")
    assert stopped == (kind.value in ("CANCELLED", "CRASHED"))


def test_a_cancelled_stage_ends_the_run(monkeypatch: Patch) -> None:
    cancelled = SimpleNamespace(with_options=lambda **_: lambda *_: Cancelled(message="7 is kept"))
    monkeypatch.setattr(retrain, "reproduce", cancelled)
    with pytest.raises(TerminationSignal):
        list(retrain.run_stages(["first"], Path("copy"), {}, False, None))


def test_a_stage_stopped_by_a_suspension_leaves_its_run_suspended(monkeypatch: Patch) -> None:
    known(monkeypatch, client := Client(Suspended()))
    with pytest.raises(Pause):
        retrain.unless_cancelled(Cancelled(message="7 is kept"))
    assert client.names == []  # resumed, it goes on


def test_a_stopped_run_is_called_by_what_is_kept(monkeypatch: Patch) -> None:
    known(monkeypatch, client := Client())
    server.stopped("fakes: stopped by SIGTERM, step 7 of 9 is kept: run the same again, it goes on")
    assert client.names == [(UUID(ID), "fakes: stopped by SIGTERM, step 7 of 9 is kept")]


def test_where_the_server_is_away_a_run_stops_all_the_same(monkeypatch: Patch) -> None:
    def away(_: str) -> None:
        raise httpx.ConnectError("away")

    monkeypatch.setattr(server, "rename", away)
    server.stopped("fakes: step 7 is kept")


def stage_says(patch: Patch, *lines: str, error: BaseException | None = None) -> list[str]:
    """DVC says these lines of a stage, and the error comes; what gets into the log."""
    logged: list[str] = []

    def run_logged(_: object, log: Callable[[str], None], *__: object, **___: object) -> None:
        for line in lines:
            log(line)
        if error:
            raise error

    patch.setattr(tasks, "run_logged", run_logged)
    patch.setattr(tasks, "get_run_logger", lambda: SimpleNamespace(info=logged.append))
    return logged


def test_dvcs_hints_for_terminals_are_left_out_of_the_log(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    logged = stage_says(
        monkeypatch, "Running stage 'first':", "Updating lock file 'dvc.lock'", "",
        "To track the changes with git, run:", "", "\tgit add dvc.lock data.dvc", "",
        "To enable auto staging, run:", "", "\tdvc config core.autostage true",
        "Use `dvc push` to send your updates to remote storage.",
    )  # fmt: skip
    assert tasks.reproduce.fn("first", tmp_path, {}).outcome == "ran"
    assert logged == ["Running stage 'first':", "Updating lock file 'dvc.lock'"]


def test_a_cancelled_stage_says_what_is_kept(monkeypatch: Patch, tmp_path: Path) -> None:
    stage_says(monkeypatch, "7/9 steps", KEPT, "ERROR", error=TerminationSignal(signal.SIGTERM))
    state = tasks.reproduce.fn("student_tryon", tmp_path, {})
    assert state.is_cancelled() and state.message == f"student_tryon: {KEPT}"


def test_a_suspended_stage_has_not_failed(monkeypatch: Patch, tmp_path: Path) -> None:
    known(monkeypatch, Client(Suspended()))
    stage_says(monkeypatch, KEPT, error=CommandFailed(["dvc"], -15, KEPT))
    ended = tasks.reproduce.fn("student_tryon", tmp_path, {})
    assert ended.is_cancelled() and ended.message == f"student_tryon: {KEPT}"
    known(monkeypatch, Client(Running()))
    with pytest.raises(CommandFailed):
        tasks.reproduce.fn("student_tryon", tmp_path, {})


def test_cancelled_while_all_is_verified_a_run_says_that_all_is_done(monkeypatch: Patch) -> None:
    def stopped(*_: object) -> None:
        raise TerminationSignal(signal.SIGTERM)

    monkeypatch.setattr(tasks.dvc, "status", stopped)
    state = tasks.verify.fn(["first"], Path("copy"))
    assert state.is_cancelled() and "all stages are done" in state.message
    known(monkeypatch, client := Client())
    with pytest.raises(TerminationSignal):
        retrain.unless_cancelled(state)
    assert client.names == [(UUID(ID), "verify: stopped; all stages are done")]


FAILED = "step 3\nerror: the disk is full: make room\nERROR: failed to reproduce 'first'"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ParamsError("seed = 'x': no number"), "seed = 'x': no number"),
        (CommandFailed(["dvc"], 255, FAILED), "the disk is full: make room"),
        (
            CommandFailed(["dvc"], -9, "Killed"),
            "`dvc` ended with code -9:\nKilled",
        ),
    ],
)
def test_a_run_that_does_not_complete_says_why_in_the_words_of_who_knows(
    monkeypatch: Patch, error: Exception, message: str
) -> None:
    def run(*_: object) -> None:
        raise error

    monkeypatch.setattr(retrain, "run", run)
    with disable_run_logger():
        state = retrain.retrain.fn()
    assert (state.type, state.message) == (StateType.FAILED, message)


def test_what_nobody_foresaw_is_an_error_as_it_is(monkeypatch: Patch) -> None:
    monkeypatch.setattr(retrain, "run", lambda *_: 1 / 0)
    with disable_run_logger(), pytest.raises(ZeroDivisionError):
        retrain.retrain.fn()


def test_the_server_has_the_sentence_of_a_deployments_run(monkeypatch: Patch) -> None:
    known(monkeypatch, client := Client())
    set_to: list[State] = []
    client.set_flow_run_state = lambda _, state: set_to.append(state)
    with pytest.raises(Abort) as abort:
        server.end(state := Failed(message="seed = 'x': no number"))
    assert set_to == [state] and abort.value.state == state


def test_of_any_other_run_who_started_it_has_the_sentence(monkeypatch: Patch) -> None:
    known(monkeypatch, Client(), deployment=None)
    assert server.end(state := Failed(message="seed = 'x': no number")) == state
