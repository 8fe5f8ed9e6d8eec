"""MLflow agrees with the files, however often and whatever was lost."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retraining import Project

from pfafn import registry
from pfafn.chronicle.decisions import DECISION, Decisions
from pfafn.chronicle.record import RecordError, flatten, read
from pfafn.kit.lock import exclusive
from pfafn.registry import stamp
from pfafn.registry.store import RegistryError, connect, home, local_path

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
CHAMPION = "models:/pfafn-student@champion"


def runs_of(project: Project) -> list:
    store = connect(project.root)
    return store.client.search_runs([store.experiment])


def test_a_retraining_is_a_parent_run_with_a_child_for_each_stage(mirrored: Project) -> None:
    children = [run for run in runs_of(mirrored) if "mlflow.parentRunId" in run.data.tags]
    assert {run.data.tags["pfafn.stage"] for run in children} == set(mirrored.stages)
    assert len({run.data.tags["mlflow.parentRunId"] for run in children}) == 1


def test_a_run_has_params_metrics_curve_files_and_the_time_it_took(mirrored: Project) -> None:
    store = connect(mirrored.root)
    (run,) = [r for r in runs_of(mirrored) if r.data.tags.get("pfafn.stage") == "tutor_warp"]
    assert run.data.params["tutor_warp.batch"] == "4"
    assert run.data.params["library.torch"] == "1"
    assert run.data.metrics["loss"] == 0.5
    assert run.info.end_time - run.info.start_time == 2500
    curve = store.client.get_metric_history(run.info.run_id, "curve/l1")
    assert [(m.step, m.value) for m in curve] == [(0, 2.0), (10, 1.0)]
    files = {file.path for file in store.client.list_artifacts(run.info.run_id)}
    assert files == {"curve.csv", "metrics.json", "provenance.json"}


def test_mirroring_again_changes_nothing(project: Project) -> None:
    project.retrain()
    first = registry.sync()
    (project.root / ".work/registry.json").unlink()
    assert registry.sync() == first
    assert len(runs_of(project)) == len(project.stages) + 1


def test_mirroring_what_is_mirrored_reads_neither_weights_nor_mlflow(project: Project) -> None:
    project.retrain()
    registry.sync()
    code = (
        "import sys; from pfafn import registry; "
        "print(registry.sync().changed, 'mlflow' in sys.modules)"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert time.monotonic() - started < 2.5


@pytest.mark.slow
def test_one_process_writes_at_a_time(project: Project) -> None:
    project.retrain()
    code = "from pfafn import registry; print(registry.sync())"
    with exclusive(project.root / registry.LOCK, "another", print):
        waiting = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert waiting.stderr.readline().startswith("waiting for another, process")
    assert "champion is version 1" in waiting.communicate()[0]


def test_a_stage_that_did_not_run_again_keeps_its_run(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 21)
    registry.sync()
    stages = [run.data.tags.get("pfafn.stage") for run in runs_of(project)]
    assert stages.count("tutor_tryon") == 1
    assert stages.count("student_tryon") == stages.count("evaluate") == 2


def test_what_an_interrupted_mirroring_left_is_made_whole(project: Project) -> None:
    project.retrain()
    registry.sync()
    store = connect(project.root)
    before = {run.info.run_id: run.data.to_dictionary() for run in runs_of(project)}
    broken = next(name for name, data in before.items() if data["metrics"])
    shutil.rmtree(local_path(store.client.get_run(broken).info.artifact_uri))
    store.client.update_run(broken, status="RUNNING")
    registry.sync()
    assert {run.info.run_id: run.data.to_dictionary() for run in runs_of(project)} == before
    assert store.client.get_run(broken).info.status == "FINISHED"
    assert store.client.list_artifacts(broken)


def test_a_deleted_registry_is_rebuilt_from_the_files(project: Project, empty_store: Path) -> None:
    project.retrain("a", 20)
    registry.sync()
    before = registry.describe(CHAMPION)
    moved = project.root.rename(project.root.with_name("same files elsewhere"))
    shutil.copy(empty_store, moved / "mlflow.db")
    shutil.rmtree(moved / "mlartifacts")
    os.chdir(moved)
    registry.sync()
    after = registry.describe(CHAMPION)
    for key in ("version", "aliases", "scores"):
        assert after[key] == before[key]
    assert before["lineage"] == after["lineage"]


def test_deleted_artifacts_are_mirrored_again(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    shutil.rmtree(project.root / "mlartifacts")
    with pytest.raises(RegistryError, match="registry sync"):
        registry.resolve(CHAMPION)
    registry.sync()
    assert registry.resolve(CHAMPION).is_file()


def test_looking_into_a_registry_that_is_not_there_makes_none(project: Project) -> None:
    (project.root / "mlflow.db").unlink()
    with pytest.raises(RegistryError, match="dvc repro"):
        registry.listing()
    assert not (project.root / "mlflow.db").exists()


def test_weights_that_are_not_those_of_dvc_lock_are_refused(project: Project) -> None:
    project.retrain()
    (project.root / "artifacts/student_tryon/model.safetensors").write_text("trained by hand")
    with pytest.raises(RecordError, match="student_tryon/model.safetensors is not what dvc.lock"):
        registry.sync()


def test_an_evaluation_of_other_weights_is_refused(project: Project) -> None:
    project.retrain()
    evaluate = project.stages["evaluate"]
    project.retrain("b")
    project.stages["evaluate"] = evaluate
    project.write_lock()
    with pytest.raises(RecordError, match="evaluate was made from another artifacts/student_tryon"):
        registry.sync()


def test_without_a_dvc_lock_the_error_names_the_command(project: Project) -> None:
    with pytest.raises(RecordError, match="dvc repro"):
        registry.sync()


def test_the_store_is_the_same_from_every_folder_of_the_project(project: Project) -> None:
    folder = project.root / "some/where"
    folder.mkdir(parents=True)
    assert home(folder) == home(project.root) == project.root


def test_a_stamp_is_only_for_the_projects_own_store(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    note = stamp.Stamp(project.root, project.root)
    note.write(stamp.Outcome("1", "1", "1", ""))
    assert note.read() is None


@pytest.mark.parametrize("file", ["mlflow.db", "mlflow.db-wal"])
def test_a_stamp_holds_until_the_database_or_its_log_changes(project: Project, file: str) -> None:
    project.retrain()
    note = stamp.Stamp(project.root, project.root)
    note.write(stamp.Outcome("1", "1", "1", ""))
    assert note.read()
    with (project.root / file).open("ab") as stream:
        stream.write(b"more")
    assert note.read() is None


def test_curves_and_nested_metrics_become_flat_names(project: Project) -> None:
    project.retrain()
    evaluate = read(project.root).stages["evaluate"]
    assert evaluate.metrics == {"unpaired/student/psnr_clothes": 20.0}
    assert flatten({"a": {"b": 1, "c": {"d": 2}}}, ".") == {"a.b": 1, "a.c.d": 2}


def test_a_stamp_holds_until_a_decision_is_added(project: Project) -> None:
    """As `git pull` adds those that were made elsewhere."""
    project.retrain()
    note = stamp.Stamp(project.root, project.root)
    note.write(stamp.Outcome("1", "1", "1", ""))
    assert note.read()
    Decisions(project.root).add(DECISION, "0" * 16, {})
    assert note.read() is None
