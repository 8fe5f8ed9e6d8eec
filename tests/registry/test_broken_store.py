"""A store that is broken or gone stops with what to do; what it mirrored is kept and comes back."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from retraining import Project

from pfafn import registry
from pfafn.registry.store import RegistryError, usable

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PREFECT_API_KEY",
           "AWS_SECRET_ACCESS_KEY", "GIT_TOKEN")  # fmt: skip


def refused(error: Exception) -> str:
    """What is said of an error from the store."""
    with pytest.raises(RegistryError) as told, usable():
        raise error
    return str(told.value)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_own_database_that_fails_is_named_with_the_way_to_rebuild_it(root: Path) -> None:
    said = refused(sqlite3.OperationalError("database is locked"))
    assert f"{root / 'mlflow.db'} cannot be used (database is locked): no training is lost" in said
    assert "move mlflow.db and mlartifacts aside and run `dvc repro`" in said


def test_a_project_without_a_registry_says_how_to_make_it(root: Path) -> None:
    with pytest.raises(RegistryError, match=r"run `dvc repro` or `pfafn registry sync`"):
        registry.resolve("models:/pfafn-student@champion")


def test_outside_a_project_a_model_is_to_be_named_and_nothing_to_be_made(root: Path) -> None:
    (root / "dvc.yaml").unlink()
    with pytest.raises(RegistryError, match=r"no project .* tryon --model FILE") as told:
        registry.resolve("models:/pfafn-student@champion")
    assert "dvc repro" not in str(told.value)


def test_a_server_that_fails_is_named_without_its_password(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    uri = "http://me:s3cr3t@host:1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    said = refused(MlflowException(f"API request to {uri}/api failed\nand more"))
    assert (
        "at http://host:1 cannot be used (API request to http://host:1/api failed): no tr" in said
    )
    assert "unset MLFLOW_TRACKING_URI, and run `dvc repro`" in said
    assert "s3cr3t" not in said


def test_a_file_that_a_server_refuses_is_an_error_of_the_server(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from requests import HTTPError

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:1")
    said = refused(HTTPError("503 Server Error: Service Unavailable"))
    assert "registry at http://host:1 cannot be used (503 Server Error" in said
    assert "start that server again" in said


@pytest.mark.parametrize("error", [ValueError("a bug"), RegistryError("no such version")])
def test_what_is_not_the_stores_fault_stays_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), usable():
        raise error


@pytest.mark.parametrize(
    "verb", ["sync", "resolve", "promote", "rollback", "listing", "compare", "describe"]
)
def test_whatever_is_asked_of_a_store_that_fails_the_answer_says_what_to_do(
    root: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(registry, "home", fail)
    with pytest.raises(RegistryError, match="database is locked.*run `dvc repro`"):
        getattr(registry, verb)(*(["models:/x/1"] if verb in ("resolve", "promote") else []))


@pytest.mark.parametrize("verb", ["promote", "rollback"])
def test_who_chooses_a_champion_writes_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    alone = []

    def inside(*_: object) -> None:
        alone.append("chosen")

    @contextmanager
    def exclusive(path: Path, who: str, wait: object) -> Iterator[None]:
        alone.append((path, who))
        yield
        alone.append("free")

    monkeypatch.setattr(registry, "connect", lambda _: SimpleNamespace(root=root))
    monkeypatch.setattr(registry, "exclusive", exclusive)
    monkeypatch.setattr(f"pfafn.registry.aliases.{verb}", inside)
    getattr(registry, verb)(*["models:/x/1"] * (verb == "promote"))
    assert alone == [(root / registry.LOCK, f"registry {verb}"), "chosen", "free"]


def test_no_secret_of_the_environment_is_written_anywhere(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, f"s3cr3t-{name}")
    project.retrain()
    registry.sync()
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert any(path.name == "mlflow.db" for path in files)
    assert [path for path in files if b"s3cr3t" in path.read_bytes()] == []


@pytest.mark.slow
def test_a_file_in_place_of_the_artifact_folder_is_told_of_and_the_folder_comes_back(
    project: Project,
) -> None:
    project.retrain()
    registry.sync()
    before = registry.describe()
    artifacts = project.root / "mlartifacts"
    artifacts.rename(project.root / "old")
    artifacts.write_text("not a folder")
    for use in (registry.sync, registry.describe):
        with pytest.raises(RegistryError, match="mlartifacts is a file, .*: move it aside and run"):
            use()
    artifacts.unlink()
    registry.sync()
    assert registry.describe() == before
    assert registry.resolve("models:/pfafn-student@champion").is_file()


@pytest.mark.slow
def test_a_damaged_store_is_told_of_and_rebuilt_with_the_same_champion(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    before = registry.describe()
    (project.root / ".work/registry.json").unlink()  # the note that says all is up to date
    database = project.root / "mlflow.db"
    os.truncate(database, database.stat().st_size // 2)
    with pytest.raises(RegistryError, match="move mlflow.db and mlartifacts aside"):
        registry.sync()
    database.unlink()
    shutil.rmtree(project.root / "mlartifacts")
    # Another process, as it would be: in this one MLflow has the old file open.
    command = (sys.executable, "-m", "pfafn", "registry")
    subprocess.run([*command, "sync"], cwd=project.root, check=True, capture_output=True)
    after = json.loads(subprocess.check_output([*command, "show", "--json"], cwd=project.root))
    for told in (before, after):
        del told["sources"]  # runs get new names
    for same in ("version", "aliases", "scores", "lineage"):
        assert after[same] == before[same]


def test_a_database_that_this_user_may_not_write_is_no_broken_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "mlflow.db").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="mlflow.db"), usable():
        raise sqlite3.OperationalError("attempt to write a readonly database")
