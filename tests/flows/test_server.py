"""A Prefect server that is not there, or goes away, ends in one sentence that says what to do."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import httpx
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)

from flows import deployments, retrain, server
from flows.dvc import ROOT

NOBODY = "http://me:s3cr3t@127.0.0.1:9/api"


@pytest.fixture
def nobody_there() -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: NOBODY}):
        yield


@pytest.mark.parametrize("command", ["flows.retrain", "flows.deployments"])
def test_with_nobody_at_its_address_a_command_ends_with_one_line(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", command],
        cwd=ROOT,
        env=os.environ | {"PREFECT_API_URL": NOBODY},
        capture_output=True,
        text=True,
        timeout=60,  # much less than a minute of retries, on a busy machine too
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(
        "error: no Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api: "
    )
    assert "start it, or set PREFECT_API_URL right" in done.stderr
    assert done.stderr.count("\n") == 1


def test_deployments_need_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where the command goes
    told = pytest.raises(SystemExit, match="^error: no server to register with: set PREFECT_API_U")
    with temporary_settings({PREFECT_API_URL: None}), told as ended:
        deployments.main()
    assert "\n" not in ended.value.code


@pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1", "http://127.0.0.1:9"])
def test_an_address_that_leads_nowhere_is_named(address: str) -> None:
    told = pytest.raises(server.ServerError, match=f"answers at PREFECT_API_URL={address}: ")
    with temporary_settings({PREFECT_API_URL: address}), told:
        server.check()


def test_without_a_server_and_forbidden_to_start_one_a_run_says_so() -> None:
    own_forbidden = {PREFECT_API_URL: None, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}
    with temporary_settings(own_forbidden), pytest.raises(server.ServerError, match="or allow it"):
        server.check()


def test_a_run_may_start_its_own_server_whatever_profile_the_user_has() -> None:
    """A new profile of Prefect's says nothing of it; the project's file does."""
    settings = tomllib.loads((ROOT / "prefect.toml").read_text())
    assert settings["server"]["ephemeral"]["enabled"] is True


class Exited(Exception):
    """In the place of the end of the process."""


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("connection refused"),
        httpx.ReadTimeout("timed out"),
        httpx.HTTPStatusError("503", request=httpx.Request("GET", NOBODY), response=None),
    ],
)
def test_a_server_that_stopped_answering_is_told_of_without_its_password(
    error: Exception,
    nobody_there: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    def leave(code: int) -> None:
        raise Exited(code)

    monkeypatch.setattr("flows.server.check", lambda: None)
    monkeypatch.setattr("flows.retrain.retrain", fail)
    monkeypatch.setattr("flows.retrain.signal.signal", lambda *_: None)
    monkeypatch.setattr("flows.retrain.os._exit", leave)
    monkeypatch.setattr(sys, "argv", ["retrain"])
    with pytest.raises(Exited, match="1"):
        retrain.main()
    assert capsys.readouterr().err == (
        "error: the Prefect server at http://127.0.0.1:9/api stopped answering "
        f"({error}), so it does not know how this run ended. What the stages made is kept: "
        "start the server again and run the same again, or run `dvc repro`\n"
    )


def test_serving_that_ends_for_want_of_a_server_says_so(
    nobody_there: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up(_: deployments.Runs) -> None:
        raise ExceptionGroup("unhandled errors", [RuntimeError("Service exceeded its threshold")])

    monkeypatch.setattr(deployments, "ensure", lambda _: None)
    monkeypatch.setattr(deployments, "deployments", lambda: [])
    monkeypatch.setattr(deployments.Runs, "start", give_up)
    monkeypatch.setattr("flows.deployments.signal.signal", lambda *_: None)
    with pytest.raises(server.ServerError, match="no Prefect server answers"):
        deployments.serve()
    monkeypatch.setattr(server, "check", lambda: None)
    with pytest.raises(ExceptionGroup):  # another fault stays what it is
        deployments.serve()
