"""Where MLflow keeps things for this project, and the one place that opens it.

One SQLite file and one artifact folder at the project's root, whatever the current folder is,
unless MLFLOW_TRACKING_URI names a server. MLflow's own default would start a new store in each
folder.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlparse
from urllib.request import url2pathname

from pfafn.chronicle.decisions import Decisions
from pfafn.kit.errors import UserError
from pfafn.registry import moved

if TYPE_CHECKING:
    from mlflow import MlflowClient

VARIABLE = "MLFLOW_TRACKING_URI"
PROMOTE = "PFAFN_PROMOTE"  # environment: "no" if this run may make no champion
PAGES = "PFAFN_MLFLOW_URL"  # environment: where people open MLflow in a browser, for links
VIEW = "?workflowType=machine_learning"  # behind an address of a page: not that of chatbots
EXPERIMENT = "pfafn"
# Unless the environment says otherwise. Of a server that is gone one is told within a minute.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",
}
NO_PROJECT = (
    "this folder is in no project (it has no dvc.yaml). Change to the project's, name a model file "
    f"(`pfafn tryon --model FILE.safetensors`), or set {VARIABLE} to a registry's address"
)
ITS_OWN = {"mlflow", "sqlalchemy", "sqlite3", "alembic", "requests"}  # whose errors are the store's


class RegistryError(UserError, RuntimeError):
    """The registry has not what was asked for; the message says what to do."""


def home(start: Path | None = None) -> Path:
    """The project's root: DVC's if DVC started us, else the nearest folder with a dvc.yaml.

    An experiment that DVC runs in a temporary copy therefore lands in the same store.
    """
    if start is None and (root := os.environ.get("DVC_ROOT")):
        return Path(root).resolve()
    here = (start or Path.cwd()).resolve()
    return next((d for d in (here, *here.parents) if (d / "dvc.yaml").is_file()), here)


def uri(root: Path) -> str:
    """MLFLOW_TRACKING_URI if set, else the absolute SQLite URI below root."""
    return os.environ.get(VARIABLE) or f"sqlite:///{database(root)}"


def database(root: Path) -> Path:
    """The project's own MLflow store, whether or not it is the one in use."""
    return root / "mlflow.db"


def is_own(root: Path) -> bool:
    """Whether the store is the project's own SQLite file, not a server or another file."""
    return uri(root) == f"sqlite:///{database(root)}"


def local_path(artifact_uri: str) -> Path | None:
    """The path behind a file URI or plain path; None for anything remote."""
    parsed = urlparse(artifact_uri)
    if parsed.scheme not in ("", "file"):
        return None
    return Path(url2pathname(parsed.path))


class Store(NamedTuple):
    """An open MLflow store."""

    client: "MlflowClient"
    experiment: str  # its id
    root: Path

    @property
    def decisions(self) -> Decisions:
        return Decisions(self.root)


def connect(root: Path, *, create: bool = False) -> Store:
    """Open the store of the project at root; one that was moved or copied here is led here.

    create: make database and experiment if they are not there (takes seconds, once).
    Raises RegistryError if there is none, if its artifacts are elsewhere, or if a file lies where
    their folder belongs.
    """
    own = is_own(root)
    artifacts = root / "mlartifacts"
    if own and artifacts.exists() and not artifacts.is_dir():
        raise RegistryError(
            f"{artifacts} is a file, and has to be the folder of the registry's artifacts: move it "
            "aside and run `registry sync`, which brings the folder back"
        )
    if own and not create and not database(root).is_file():
        project = (root / "dvc.yaml").is_file()
        raise RegistryError(
            f"no registry at {database(root)}: "
            + ("run `dvc repro` or `pfafn registry sync`" if project else NO_PROJECT)
        )
    client = _open(uri(root))
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        if not create:
            raise RegistryError(f"{uri(root)} has no experiment {EXPERIMENT}: run `registry sync`")
        location = artifacts.as_uri() if own else None
        return Store(client, client.create_experiment(EXPERIMENT, location), root)
    if own and local_path(found.artifact_location) != artifacts:
        if not artifacts.is_dir() or database(root).is_symlink():
            raise RegistryError(
                f"{database(root)} was made in {local_path(found.artifact_location)}, and its "
                "artifacts are not here: bring them along, or delete mlflow.db and run `pfafn "
                "registry sync`, which rebuilds both from decisions/ and DVC's cache"
            )
        moved.lead(database(root), found.artifact_location, artifacts.as_uri())
    return Store(client, found.experiment_id, root)


@contextmanager
def usable() -> Iterator[None]:
    """Whatever MLflow or its database raises becomes a RegistryError that says what to do.

    Of a file that this user may not write it is a PermissionError. Also serves as a decorator.
    """
    try:
        yield
    except Exception as error:
        if not ITS_OWN & {kind.__module__.partition(".")[0] for kind in type(error).__mro__}:
            raise
        root, file = home(), str(database(home()))
        if is_own(root) and Path(file).exists() and not os.access(file, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), file) from error
        advice = (
            "if no other program has it open, move mlflow.db and mlartifacts aside and run "
            "`dvc repro`, which rebuilds both"
            if is_own(root)
            else f"start that server again, or unset {VARIABLE}, and run `dvc repro`"
        )
        why = str(error).partition("\n")[0]
        raise RegistryError(
            f"the registry at {uri(root)} cannot be used ({why}): no training is lost, it only "
            f"mirrors files; {advice}"
        ) from error


def _open(tracking_uri: str) -> "MlflowClient":
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    wanted = os.environ.get(VARIABLE)
    mlflow.set_tracking_uri(tracking_uri)  # which also sets the variable, for good
    if wanted is None:
        os.environ.pop(VARIABLE, None)
    return mlflow.MlflowClient()


def intact(artifact_uri: str) -> bool:
    """False if the artifacts are files on this machine and no longer there."""
    path = local_path(artifact_uri)
    return path is None or path.exists()
