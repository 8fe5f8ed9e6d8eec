"""Which model: MLflow as a mirror of what DVC made, and as the list of models to use.

Everything in it follows from dvc.lock, the files DVC keeps, and the decisions that are written down
in `decisions/`: it can be deleted, and `sync` rebuilds it.
MLflow is imported when a function needs it (it takes over a second), never by importing this.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pfafn.chronicle.standing import Outcome
from pfafn.kit.lock import exclusive
from pfafn.kit.progress import tell
from pfafn.registry.stamp import Stamp
from pfafn.registry.store import connect, home, usable

if TYPE_CHECKING:
    from pfafn.registry.aliases import Change

LOCK = ".work/registry.lock"
CHAMPION = "models:/pfafn-student@champion"
CHALLENGER = "models:/pfafn-student@challenger"


@usable()
def sync(workspace: Path | None = None) -> Outcome:
    """Make MLflow agree with workspace/dvc.lock and its artifacts; at once if it already does.

    What MLflow has lost of earlier retrainings and decisions is brought back first.

    workspace: the folder with dvc.lock (default: the current project). Of a temporary copy of the
    project, as DVC's experiments run in, runs and versions are made and written down, and nothing
    is decided unless PFAFN_PROMOTE is in the environment. If that is "no" the student is judged and
    becomes no champion, nor does it by a later sync: a person can `promote` it.
    Raises RecordError, UnknownMetric or RegistryError saying what to do.
    """
    root = home()
    workspace = (workspace or home(Path.cwd())).resolve()
    stamp = Stamp(root, workspace)
    if done := stamp.read():
        return done
    with _alone(root, "registry sync"):
        from pfafn.registry.reconcile import reconcile

        outcome = reconcile(workspace, root)
        if not outcome.problems:  # what is missing may come
            stamp.write(outcome)
    return outcome


@usable()
def resolve(uri: str) -> Path:
    """Local path of the weights behind models:/NAME@ALIAS or models:/NAME/VERSION.

    Raises RegistryError if the URI is malformed, nothing is there, or its files are gone.
    """
    from pfafn.registry import versions

    store = connect(home())
    return versions.weights_of(store, versions.find(store, uri))


@usable()
def number(uri: str) -> tuple[str, int]:
    """Name and version that models:/NAME@ALIAS stands for now: milliseconds, once it was asked.

    Raises as `resolve` does.
    """
    store = connect(home())
    from pfafn.registry.versions import find

    version = find(store, uri)
    return version.name, int(version.version)


@usable()
def load_model(uri: str = CHAMPION) -> Any:
    """The model behind models:/... as MLflow serves it, for Python: an mlflow.pyfunc.PyFuncModel.

    Unlike MLflow's own `load_model`, outside of a project it raises RegistryError saying what is
    missing, and leaves no empty database there.
    """
    connect(home())
    import mlflow

    return mlflow.pyfunc.load_model(uri)


@usable()
def promote(uri: str, reason: str = "", force: bool = False) -> "Change":
    """Make a registered student the champion by hand; see `pfafn.registry.aliases.promote`."""
    from pfafn.registry import aliases

    store = connect(home())
    with _alone(store.root, "registry promote"):
        return aliases.promote(store, uri, reason, force)


@usable()
def rollback(reason: str = "") -> "Change":
    """Make the last champion champion again; see `pfafn.registry.aliases.rollback`."""
    from pfafn.registry import aliases

    store = connect(home())
    with _alone(store.root, "registry rollback"):
        return aliases.rollback(store, reason)


@usable()
def listing(data: str = "", commit: str = "") -> list[dict[str, Any]]:
    """All registered versions of both models, newest first, as `describe` gives them.

    data, commit: only those whose photos' md5, or commit, begins so. Raises RegistryError if there
    are none, naming what there is.
    """
    from pfafn.registry.look import list_all

    return list_all(connect(home()), data=data, commit=commit)


@usable()
def compare(a: str = CHALLENGER, b: str = CHAMPION) -> dict[str, Any]:
    """Two versions: scores, the gain of a over b in the gate's metric, what made them differ."""
    from pfafn.params.file import Params
    from pfafn.registry import look

    store = connect(home())
    return look.compare(store, a, b, Params.load(store.root / "params.yaml").registration.metric)


@usable()
def describe(uri: str = CHAMPION) -> dict[str, Any]:
    """One version: name, version, aliases, scores, the gate's word, lineage and sources."""
    from pfafn.registry import look

    return look.describe(connect(home()), uri)


def _alone(root: Path, who: str) -> AbstractContextManager[Any]:
    """Let one process write at a time: parallel experiments share the registry."""
    return exclusive(root / LOCK, who, lambda holder: tell(f"waiting for {holder}"))
