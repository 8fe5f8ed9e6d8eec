"""A Prefect or MLflow server that dies in the middle costs no training, and what to do is said."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import clone
import pytest
from whole import DVC, FLOW, Undisturbed, environment, models, run

from flows import ui
from flows.services import Service, answers

pytestmark = pytest.mark.slow

SHOW = (sys.executable, "-m", "pfafn", "registry", "show", "--json")
FIRST = ("prepare", "annotate", "tutor_warp")


class Server:
    """A server that can be killed and started again at its address."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.log = folder / f"{service.name}.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.service.command, cwd=self.folder, stdout=log, stderr=log,
                env=clone.environment() | self.service.environment, start_new_session=True,
            )  # fmt: skip
        clone.eventually(lambda: self.service.ready(self.log), 120)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


Starter = Callable[[Service, Path], Server]


@pytest.fixture
def serve() -> Iterator[Starter]:
    """Starts servers, and kills them at the end."""
    servers: list[Server] = []

    def start(service: Service, folder: Path) -> Server:
        servers.append(Server(service, folder))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.kill()


@contextmanager
def started(root: Path, *command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs in the project; killed at the end if it still does."""
    process = subprocess.Popen(
        command, cwd=root, env=environment(**variables), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def until(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process says until it says this."""
    assert process.stdout
    assert any(words in line for line in process.stdout), f"never said {words}"


def prefect(root: Path) -> tuple[Service, str]:
    """A Prefect server for the project, and its PREFECT_API_URL."""
    (root / ".work").mkdir(exist_ok=True)
    port = ui.free_port("--prefect-port", 0, 0)
    return ui.prefect(root, port), f"http://{ui.HOST}:{port}/api"


def test_a_prefect_server_that_dies_costs_the_run_its_end_but_no_stage(
    photos: Path, peaceful: Undisturbed, serve: Starter, tmp_path: Path
) -> None:
    root = shutil.copytree(photos, tmp_path / "pfafn")
    service, url = prefect(root)
    server = serve(service, root)
    # Prefect's client tries again for a minute; here for seconds.
    variables = {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "1"}
    with started(root, *FLOW, *FIRST, **variables) as flow:
        until(flow, "Running stage 'prepare'")
        server.kill()
        said, _ = flow.communicate(timeout=120)
    assert flow.returncode == 1
    told = said.splitlines()[-1]
    assert told.startswith(f"error: the Prefect server at {url} stopped answering (")
    assert "What the stages made is kept: start the server again and run the same again" in told
    # The stages after it have run, and a next run finds no lock held and nothing to do for them.
    assert "'prepare' didn't change" in (rest := run(root, *DVC))
    assert "'tutor_warp' didn't change" in rest
    assert models(root) == peaceful.models


def test_a_prefect_server_that_comes_back_knows_all_of_the_run(
    photos: Path, serve: Starter, tmp_path: Path
) -> None:
    root = shutil.copytree(photos, tmp_path / "pfafn")
    service, url = prefect(root)
    server = serve(service, root)
    with started(root, *FLOW, *FIRST, PREFECT_API_URL=url) as flow:
        until(flow, "Running stage 'prepare'")
        server.kill()
        until(flow, "Task run 'verify' - Finished")  # all else has to be told to the server
        server.start()
        said, _ = flow.communicate(timeout=120)
    assert flow.returncode == 0, said
    api = clone.Ui(server.process, server.log, url.removesuffix("/api"), "").api
    names = ["data.dvc", *FIRST, "verify"]
    ended = {name: "COMPLETED" for name in names}
    clone.eventually(lambda: states(api("task_runs/filter", sort="NAME_ASC")) == ended, 30)
    assert list(states(api("flow_runs/filter", limit=9)).values()) == ["COMPLETED"]
    assert "stages" in [artifact["key"] for artifact in api("artifacts/filter", limit=9)]


def states(found: list[dict[str, Any]]) -> dict[str, str]:
    """What became of runs, by name."""
    return {one["name"]: one["state_type"] for one in found}


def test_when_the_prefect_server_of_the_ui_dies_all_of_it_ends_and_dvc_goes_on(
    photos: Path, peaceful: Undisturbed, tmp_path: Path
) -> None:
    root = shutil.copytree(photos, tmp_path / "pfafn")
    with clone.ui(root) as running:
        nightly = running.api("deployments/name/retrain/nightly")["id"]
        running.api(f"deployments/{nightly}/create_flow_run", name="disturbed")
        clone.eventually((root / ".work/tutor_warp").is_dir, 120)
        running_there = {" ".join(one.cmdline()): one for one in clone.processes(root)}
        next(one for words, one in running_there.items() if "prefect server start" in words).kill()
        assert running.process.wait(timeout=150) == 1
        assert "this ended by itself, so all was stopped: Prefect" in running.log.read_text()
    assert clone.processes(root) == []
    run(root, *DVC)
    assert models(root) == peaceful.models


def mlflow(folder: Path) -> tuple[Service, str]:
    """An MLflow server that keeps everything, files too, in a folder; and its address."""
    folder.mkdir()
    port = ui.free_port("--mlflow-port", 0, 0)
    words = ("-m", "mlflow", "server", "--host", ui.HOST, "--port", str(port), "--workers", "1")
    words += ("--backend-store-uri", f"sqlite:///{folder}/mlflow.db")
    words += ("--artifacts-destination", str(folder / "artifacts"))
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    url = f"http://{ui.HOST}:{port}"
    return Service("MLflow", (sys.executable, *words), answers(f"{url}/health"), quiet), url


def test_an_mlflow_server_that_dies_costs_no_model_and_no_champion(
    peaceful: Undisturbed, serve: Starter, tmp_path: Path
) -> None:
    root = shutil.copytree(peaceful.root, tmp_path / "pfafn")
    shutil.rmtree(root / "decisions", ignore_errors=True)  # so that the gate decides again
    service, url = mlflow(tmp_path / "mlflow")
    server = serve(service, tmp_path / "mlflow")
    variables = {"MLFLOW_TRACKING_URI": url, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    # It dies while `register` writes ...
    with started(root, *DVC, **variables) as repro:
        clone.eventually(lambda: any((tmp_path / "mlflow/artifacts").rglob("*.*")), 60)
        server.kill()
        said, _ = repro.communicate(timeout=120)
    assert repro.returncode == 255
    expect_told(said, url)
    # ... and it is not there at all ...
    expect_told(run(root, *DVC, code=255, **variables), url)
    assert models(root) == peaceful.models
    # ... and when it is back, it gets to know what was made.
    server.start()
    run(root, *DVC, **variables)
    assert models(root) == peaceful.models
    assert known(run(root, *SHOW, **variables)) == known(run(peaceful.root, *SHOW))


def expect_told(said: str, url: str) -> None:
    told = next(line for line in said.splitlines() if line.startswith("error: "))
    assert told.startswith(f"error: the registry at {url} cannot be used (")
    assert "no training is lost" in told
    assert "start that server again" in told
    assert "Traceback" not in said


def known(shown: str) -> list[Any]:
    """What the registry says of the champion, but for the names of runs and places."""
    champion = json.loads(shown)
    return [champion[name] for name in ("name", "version", "aliases", "scores")]
