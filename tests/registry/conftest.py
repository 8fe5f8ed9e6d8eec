"""A project whose registry is mirrored from stand-in files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from retraining import Project, new_project

from pfafn import registry
from pfafn.registry.store import connect


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has been set up: MLflow takes seconds for that, so it is done once."""
    root = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect(root, create=True).client.rename_experiment("1", "seen")
    return root / "mlflow.db"


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that nothing was made in yet."""
    return new_project(tmp_path, empty_store, monkeypatch)


@pytest.fixture(scope="module")
def mirrored_once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Project]:
    with pytest.MonkeyPatch.context() as patch:
        made = new_project(tmp_path_factory.mktemp("mirrored"), empty_store, patch)
        patch.setenv("PREFECT__FLOW_RUN_ID", "flow-1")
        made.retrain("a", 20, photos="p9", commit="abc123+dirty")
        registry.sync()
        yield made


@pytest.fixture
def mirrored(mirrored_once: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project mirrored once, for tests that only look."""
    monkeypatch.chdir(mirrored_once.root)
    return mirrored_once
