"""Whose registry it is, and which run or experiment a retraining belongs to."""

import os
from pathlib import Path

import pytest

from pfafn.registry import reconcile, store

Patch = pytest.MonkeyPatch
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A project, and a copy of it in which DVC runs something."""
    for name in ("project", "copy"):
        (tmp_path / name / "some/where").mkdir(parents=True)
        (tmp_path / name / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path / "copy/some/where")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))
    return tmp_path / "project"


def test_what_dvc_runs_in_a_copy_is_registered_in_the_project(project: Path) -> None:
    assert store.home() == project


def test_the_workspace_is_the_copy_all_the_same(project: Path) -> None:
    assert store.home(Path.cwd()) == project.with_name("copy")


def test_without_dvc_it_is_the_nearest_project_above_or_where_one_stands(
    project: Path, monkeypatch: Patch
) -> None:
    monkeypatch.delenv("DVC_ROOT")
    assert store.home() == project.with_name("copy")
    monkeypatch.chdir(project.parent)
    assert store.home() == project.parent


def test_opening_a_store_changes_nothing_that_the_environment_says(monkeypatch: Patch) -> None:
    monkeypatch.delenv(store.VARIABLE, raising=False)
    for name in store.SETTINGS:
        monkeypatch.setenv(name, "7" if name.endswith("RETRIES") else "true")
    before = dict(os.environ)
    store._open("http://127.0.0.1:9")
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("told", "flow"),
    [
        ({"PFAFN_FLOW_RUN_ID": "ours", "PREFECT__FLOW_RUN_ID": "prefect's"}, "ours"),
        ({"PFAFN_FLOW_RUN_ID": "", "PREFECT__FLOW_RUN_ID": "prefect's"}, "prefect's"),
        ({}, None),
    ],
)
def test_a_retraining_belongs_to_the_flow_that_started_it(
    monkeypatch: Patch, told: dict[str, str], flow: str | None
) -> None:
    for name in ("PFAFN_FLOW_RUN_ID", "PREFECT__FLOW_RUN_ID", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert reconcile._origin() == ({"prefect.flow_run_id": flow} if flow else {})
    monkeypatch.setenv("DVC_EXP_NAME", "rusty-ibis")
    assert reconcile._origin()["dvc.experiment"] == "rusty-ibis"
