"""The registry of a project goes on where the project was moved or copied to."""

import shutil
from pathlib import Path

import pytest
from retraining import Project

from pfafn import registry
from pfafn.registry.store import RegistryError, connect, local_path

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
FIRST = "models:/pfafn-student/1"


@pytest.fixture
def copied(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, in which one stands, of a project with a registered model and its run."""
    client, experiment, _ = connect(project.root, create=True)
    run = client.create_run(experiment)
    model = client.create_logged_model(experiment, "student", source_run_id=run.info.run_id)
    client.create_registered_model("pfafn-student")
    client.create_model_version("pfafn-student", model.model_uri, model_id=model.model_id)
    files = local_path(model.artifact_location)
    (files / "artifacts").mkdir(parents=True)
    for name in ("MLmodel", "artifacts/model.safetensors"):
        (files / name).touch()
    copy = shutil.copytree(project.root, tmp_path / "Übung копия (1)")
    monkeypatch.chdir(copy)
    return copy


def test_each_uses_the_files_of_its_own(
    copied: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.resolve(FIRST).is_relative_to(copied / "mlartifacts")
    client, experiment, _ = connect(copied)
    [run] = client.search_runs([experiment])
    assert local_path(run.info.artifact_uri).is_relative_to(copied / "mlartifacts")
    monkeypatch.chdir(project.root)
    assert registry.resolve(FIRST).is_relative_to(project.root / "mlartifacts")


def test_without_its_artifacts_it_says_where_they_were_and_what_to_do(
    copied: Path, project: Project
) -> None:
    shutil.rmtree(copied / "mlartifacts")
    said = rf"was made in {project.root}/mlartifacts, .* delete mlflow.db and run `pfafn registry"
    with pytest.raises(RegistryError, match=said):
        registry.resolve(FIRST)


def test_the_database_of_another_project_is_not_led_away(copied: Path, project: Project) -> None:
    (copied / "mlflow.db").unlink()
    (copied / "mlflow.db").symlink_to(project.root / "mlflow.db")
    with pytest.raises(RegistryError, match="its artifacts are not here"):
        registry.resolve(FIRST)
