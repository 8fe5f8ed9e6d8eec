"""`pfafn ui` gets everything up on this machine alone, and down again without a trace."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import clone
import httpx
import pytest
from rich.console import Console
from verbs import refused

from flows import ui
from pfafn.registry.store import VIEW

TAKEN = "this port of 127.0.0.1 is taken"
WHERE = {"Prefect": "http://127.0.0.1:1", "MLflow": "http://127.0.0.1:2"}
# `run` with programs that start at once in the place of the real ones.
TOY = """
import sys
from pathlib import Path
from flows import ui
from flows.services import Service, answers, says
SERVES = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, "
SERVES += "port=int(sys.argv[1]), bind='127.0.0.1')"
def server(name):
    def made(root, port):
        ready = answers(f"http://127.0.0.1:{port}/")
        return Service(name, (sys.executable, "-c", SERVES, str(port)), ready)
    return made
ui.prefect, ui.mlflow = server("Prefect"), server("MLflow")
waits = "import time; print('serving', flush=True); time.sleep(60)"
ui.deployments = lambda *_: Service("Deployments", (sys.executable, "-c", waits), says("serving"))
ui.run(Path(sys.argv[1]))
"""
# A stage that trains until it is told to stop, and saves then.
STAGES = "stages: {train: {cmd: python train.py, outs: [model]}}"
TRAIN = """
import pathlib, signal, sys, time
def save(*_):
    time.sleep(1)
    pathlib.Path("checkpoint").touch()
    sys.exit(1)
signal.signal(signal.SIGTERM, save)
pathlib.Path("training").touch()
time.sleep(300)
"""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named(taken: int, tmp_path: Path) -> None:
    with pytest.raises(ui.UiError, match=f"--prefect-port {taken}: {TAKEN}"):
        ui.free_port("--prefect-port", taken, 4200)


def test_where_the_usual_port_is_taken_another_is_found(taken: int) -> None:
    assert ui.free_port("--prefect-port", None, taken) not in (taken, 0)


def test_a_free_port_is_the_wanted_or_the_usual_one(taken: int) -> None:
    free = ui.free_port("--prefect-port", None, 0)
    assert ui.free_port("--prefect-port", free, taken) == free
    assert ui.free_port("--prefect-port", None, free) == free


def test_a_port_that_is_none_is_refused() -> None:
    for verb in (["ui", "--prefect-port", "0"], ["ui", "--mlflow-port", "65536"]):
        done = subprocess.run([sys.executable, "-m", "pfafn", *verb], capture_output=True)
        assert done.returncode == 2


def test_a_second_one_says_where_the_first_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.dvc.ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    with ui.alone(tmp_path) as note:
        assert "just started" in refused("ui")
        note.write('{"Prefect": "http://127.0.0.1:4321"}')
        note.flush()
        assert f"runs in {tmp_path} already (Prefect http://127.0.0.1:4321)" in refused("ui")
    with ui.alone(tmp_path) as note:
        note.seek(0)
        assert note.read() == ""


def test_everything_listens_on_this_machine_only_and_keeps_its_state_in_the_project(
    tmp_path: Path,
) -> None:
    for service in (ui.prefect(tmp_path, 1), ui.mlflow(tmp_path, 2)):
        words = list(service.command)
        assert words[words.index("--host") + 1] == "127.0.0.1"
        assert service.environment["DO_NOT_TRACK"] == "1"
    pages = ui.mlflow(tmp_path, 2)
    assert pages.environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert not any("mlflow.db" in word for word in pages.command), "everybody sees command lines"
    for service in (ui.prefect(tmp_path, 1), ui.deployments(tmp_path, WHERE)):
        assert service.environment["PREFECT_HOME"] == f"{tmp_path}/.work/prefect"
        assert service.environment["PREFECT_API_URL"] == f"{WHERE['Prefect']}/api"
    assert ui.deployments(tmp_path, WHERE).environment["PFAFN_MLFLOW_URL"] == WHERE["MLflow"]


def test_no_page_of_another_site_starts_runs_and_nothing_else_is_started(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1"
    server = ui.prefect(tmp_path, 1)
    assert server.environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == url
    assert server.environment["PREFECT_SERVER_UI_API_URL"] == f"{url}/api"
    assert Path(server.environment["PREFECT_UI_STATIC_DIRECTORY"], "v2").is_symlink()
    pages = ui.mlflow(tmp_path, 2)
    assert pages.environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert pages.environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    for service, port in ((server, "1"), (pages, "2")):
        assert service.command[service.command.index("--port") + 1] == port


def test_the_address_of_the_pages_is_whole_in_a_narrow_terminal() -> None:
    said = StringIO()
    ui.show(WHERE, Console(file=said, width=40, soft_wrap=True))
    assert f"MLflow   {WHERE['MLflow']}/#/experiments{VIEW}  " in said.getvalue()


def test_the_page_of_retrainings_has_their_scores_as_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            asked.append(json.loads(request.content))
            return httpx.Response(200)
        return httpx.Response(200, json={"experiment": {"experiment_id": "7"}})

    server = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(ui.httpx, "Client", lambda **_: server)
    page = ui.retrainings(WHERE["MLflow"])
    assert page == f"{WHERE['MLflow']}/#/experiments/7/runs{VIEW}&viewStateShareKey=scores"
    [tag] = asked
    assert (tag["experiment_id"], tag["key"]) == ("7", "mlflow.sharedViewState.scores")
    assert "metrics.`unpaired.psnr_clothes`" in json.loads(tag["value"])["selectedColumns"]


def test_runs_get_their_grace_before_their_server_is_stopped(tmp_path: Path) -> None:
    runs = ui.deployments(tmp_path, WHERE)
    assert runs.grace >= ui.GRACE + 20  # seconds to say how they ended
    assert runs.environment["DVC_NO_ANALYTICS"] == "1"
    (tmp_path / "log").write_text("serving retrain/nightly")
    assert runs.ready(tmp_path / "log")


def toy(root: Path, **environment: str) -> subprocess.Popen[str]:
    """`run` with toy programs."""
    return subprocess.Popen(
        [sys.executable, "-c", TOY, str(root)],
        cwd=root.parent,
        env=os.environ | {"PYTHONPATH": str(clone.ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What it prints, up to the line with these words."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_all_of_it(tmp_path: Path, number: signal.Signals) -> None:
    with toy(tmp_path) as process:
        said = read_until(process, "Ctrl-C ends all of it")
        assert "PREFECT_API_URL=http://127.0.0.1:" in said
        assert len(clone.processes(tmp_path)) == 3
        process.send_signal(number)
        assert "stopping" in read_until(process, "stopped")
        assert process.wait() == 0
    assert clone.processes(tmp_path) == []


def test_when_one_dies_all_end_and_it_is_named(tmp_path: Path) -> None:
    with toy(tmp_path) as process:
        read_until(process, "Ctrl-C ends all of it")
        [waiting] = [p for p in clone.processes(tmp_path) if "serving" in " ".join(p.cmdline())]
        waiting.kill()
        said = read_until(process, "Deployments, code -9")
        assert "this ended by itself, so all was stopped" in said
        process.communicate()
        assert process.returncode == 1
    assert clone.processes(tmp_path) == []


def test_a_registry_that_is_a_server_is_shown_and_not_started(tmp_path: Path) -> None:
    with toy(tmp_path, MLFLOW_TRACKING_URI="http://models.example:5000") as process:
        assert "http://models.example:5000" in read_until(process, "Ctrl-C ends all of it")
        assert len(clone.processes(tmp_path)) == 2
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose only stage trains until it is stopped."""
    root = clone.make(tmp_path_factory.mktemp("clone") / "pfafn")
    (root / "data.dvc").unlink()
    (root / "dvc.yaml").write_text(STAGES)
    (root / "train.py").write_text(TRAIN)
    return root


def state(root: Path, run: str) -> str:
    """The state of a flow run, from the database that Prefect has left."""
    with sqlite3.connect(root / ".work/prefect/prefect.db") as database:
        question = "SELECT state_type FROM flow_run WHERE name = ?"
        return database.execute(question, [run]).fetchone()[0]


@pytest.mark.slow
def test_it_answers_schedules_and_ends_with_a_training_that_saves(project: Path) -> None:
    with clone.ui(project) as running:
        settings = running.api("admin/settings")
        assert settings["home"] == str(project / ".work/prefect")
        assert settings["server"]["analytics_enabled"] is False
        nightly = running.api("deployments/name/retrain/nightly")["id"]
        due = {"deployments": {"id": {"any_": [nightly]}}, "limit": 1}
        clone.eventually(lambda: running.api("flow_runs/filter", **due), 60)  # the schedule works
        made = running.api(f"deployments/{nightly}/create_flow_run", name="by hand")
        clone.eventually((project / "training").exists, 120)
        assert running.end() == 0
    assert (project / "checkpoint").exists()
    assert state(project, made["name"]) == "CANCELLED"
    assert clone.processes(project) == []
    told = subprocess.run(
        ["git", "status", "--short", "--untracked-files=all", ":!checkpoint", ":!training"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    changed = {line[3:] for line in told.stdout.splitlines()}
    assert changed == {"data.dvc", "dvc.yaml", "train.py"}


@pytest.mark.slow
def test_after_a_sigkill_the_next_one_clears_up_and_starts(project: Path) -> None:
    with clone.ui(project) as running:
        running.process.kill()
        running.process.wait()
    left = len(clone.processes(project))
    assert left >= 4
    with clone.ui(project) as running:
        assert f"stopped {left} processes" in running.log.read_text()
        assert running.end(signal.SIGTERM) == 0
    assert clone.processes(project) == []


def test_a_password_of_the_store_is_on_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "postgresql://me:s3cr3t@db/mlflow"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    service = ui.mlflow(tmp_path, 1)
    assert "s3cr3t" not in " ".join(service.command)
    assert service.environment["MLFLOW_BACKEND_STORE_URI"] == uri
