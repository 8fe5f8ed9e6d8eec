"""`pfafn ui`: Prefect server, MLflow server and the served deployments, up together, down together.

What they keep is in the project: .work/prefect, .work/ui (logs) and the MLflow store. They listen
on this machine only and send nothing home.
"""

import contextlib
import fcntl
import json
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import httpx
from rich.console import Console

from flows import dvc, lockfile, owner
from flows.process import GRACE
from flows.services import Service, Services, answers, ended_by_signals, says
from pfafn.kit.errors import UserError, public
from pfafn.kit.lock import locked, rewrite
from pfafn.registry import store

HOST = "127.0.0.1"
FOLDER = Path(".work/ui")  # in the project's root: the logs, and what is running where
MARK = "PFAFN_UI"  # environment: the service and project that a process belongs to
PREFECT_PORT, MLFLOW_PORT = 4200, 5000  # where people look first
SCORES = "scores"  # a view of MLflow's list of runs
COLUMNS = {
    "selectedColumns": [
        *(f"metrics.`{name}`" for name in ("unpaired.psnr_clothes", "unpaired.iou")),
        *("metrics.`paired.ssim`", "tags.`profile`", "attributes.`Models`"),
    ],
}
# For Prefect, prefect.toml says the rest.
SILENT = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}


class UiError(UserError):
    """It runs already, or a port is taken; the message says what to do."""


def run(root: Path, prefect_port: int | None = None, mlflow_port: int | None = None) -> None:
    """Start everything, say where it is, and end it on Ctrl-C, SIGTERM or a closed terminal.

    Raises WrongProject if the state is that of another project, UiError if it runs already or a
    port is taken, ServiceError if a program does not start or ends by itself.
    """
    console = Console(highlight=False, soft_wrap=True)
    if news := owner.settle(root):
        console.print(news)
    services = Services(root, root / FOLDER, MARK)
    with alone(root) as note:
        lockfile.mend(root, console.print)
        # The servers last: a run can then still tell how it ended.
        if left := services.stop_leftovers("Deployments", "MLflow", "Prefect"):
            console.print(f"stopped {len(left)} processes that a killed `pfafn ui` had left")
        port = free_port("--prefect-port", prefect_port, PREFECT_PORT)
        where = {"Prefect": f"http://{HOST}:{port}", "MLflow": public(store.uri(root))}
        servers = [prefect(root, port)]
        if not where["MLflow"].startswith("http"):  # a registry that is a server needs no other
            port = free_port("--mlflow-port", mlflow_port, MLFLOW_PORT)
            where["MLflow"] = f"http://{HOST}:{port}"
            servers.append(mlflow(root, port))
        try:
            with ended_by_signals():
                with console.status("waiting for Prefect, MLflow and the deployments"):
                    services.start(*servers)
                    services.start(deployments(root, where))
                rewrite(note, json.dumps(where))
                show(where, console)
                services.watch()
        finally:
            console.print("stopping; a stage that is training saves its checkpoint first")
            services.stop()
        console.print("stopped")


@contextlib.contextmanager
def alone(root: Path) -> Iterator[IO[str]]:
    """The file that says what is running where; held until the end, also one by SIGKILL.

    Raises UiError with what it says if somebody else holds it.
    """
    path = root / FOLDER / "running.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not locked(file, fcntl.LOCK_EX):
            file.seek(0)
            running = json.loads(file.read() or "{}")
            where = ", ".join(f"{name} {url}" for name, url in running.items())
            raise UiError(
                f"`pfafn ui` runs in {root} already ({where or 'just started'}); "
                "use that one, or end it with Ctrl-C in its terminal"
            )
        rewrite(file, "")
        yield file


def free_port(option: str, wanted: int | None, usual: int) -> int:
    """The wanted port; without a wish the usual one or, if that is taken, any free one.

    Raises UiError if the wanted port is taken.
    """
    for port in (usual, 0) if wanted is None else (wanted,):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return probe.getsockname()[1]
    raise UiError(
        f"{option} {wanted}: this port of {HOST} is taken; "
        f"name another one, or leave {option} out and a free one is found"
    )


def prefect(root: Path, port: int) -> Service:
    """The server with schedules, runs and buttons."""
    url = f"http://{HOST}:{port}"
    environment = _environment(root, url) | {
        # A page of another site, open in the same browser, must not start runs.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": url,
    }
    pages = root / FOLDER / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    if not (newer := pages / "v2").is_symlink():
        newer.symlink_to("nowhere")  # so the newer pages, and each invitation to them, stay away
    environment["PREFECT_UI_STATIC_DIRECTORY"] = str(pages)
    words = ("prefect", "server", "start", "--host", HOST, "--port", str(port))
    return Service("Prefect", _python(*words), answers(f"{url}/api/health"), environment)


def mlflow(root: Path, port: int) -> Service:
    """The server that shows the project's own store."""
    words = ("mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1")
    words += ("--no-serve-artifacts", "--default-artifact-root", (root / "mlartifacts").as_uri())
    environment = SILENT | {
        "MLFLOW_BACKEND_STORE_URI": store.uri(root),  # a command line is seen by everybody
        # Its jobs are for judging language models: eight more processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    ready = answers(f"http://{HOST}:{port}/health")
    return Service("MLflow", _python(*words), ready, environment)


def deployments(root: Path, where: Mapping[str, str]) -> Service:
    """What runs retrainings when they are due."""
    command = _python("flows.deployments")
    environment = _environment(root, where["Prefect"]) | {store.PAGES: where["MLflow"]}
    # A stage gets GRACE to save its checkpoint; then its run has to report how it ended.
    return Service("Deployments", command, says("serving "), environment, grace=GRACE + 30)


def show(where: dict[str, str], console: Console) -> None:
    """Print where everything is."""
    console.print(f"Prefect  {where['Prefect']}  (schedules, runs, buttons)")
    models = retrainings(where["MLflow"])  # whole, however narrow the terminal
    console.print(f"MLflow   {models}  (models, metrics, pictures)")
    console.print("A run in another terminal shows there too:")
    console.print(f"  PREFECT_API_URL={where['Prefect']}/api python -m flows.retrain")
    console.print(f"Logs are in {FOLDER}. Ctrl-C ends all of it.")


def retrainings(server: str) -> str:
    """The page of an MLflow server with each retraining's scores; of all experiments before one.

    Left to itself MLflow lists runs without any score. A view that is shared says which columns it
    has, and also keeps people out of MLflow's pages for chatbots.
    """
    api = f"{server}/api/2.0/mlflow/experiments"
    with contextlib.suppress(httpx.HTTPError), httpx.Client(trust_env=False) as client:
        given = client.get(f"{api}/get-by-name", params={"experiment_name": store.EXPERIMENT})
        if given.is_success:
            number = given.json()["experiment"]["experiment_id"]
            tag = {"key": f"mlflow.sharedViewState.{SCORES}", "value": json.dumps(COLUMNS)}
            client.post(f"{api}/set-experiment-tag", json=tag | {"experiment_id": number})
            return f"{server}/#/experiments/{number}/runs{store.VIEW}&viewStateShareKey={SCORES}"
    return f"{server}/#/experiments{store.VIEW}"


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)


def _environment(root: Path, server: str) -> dict[str, str]:
    """For Prefect's programs, wherever the person's own Prefect points to."""
    return {
        **SILENT,
        **dvc.environment(),
        "PREFECT_HOME": str(root / ".work/prefect"),
        "PREFECT_API_URL": f"{server}/api",
        "PREFECT_SERVER_UI_API_URL": f"{server}/api",
    }
