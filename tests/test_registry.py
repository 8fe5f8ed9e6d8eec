"""The registry mirrors files, finds what it mirrored, and promotes only what is surely better."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from retraining import Project

from pfafn import registry
from pfafn.data.images import decode_rgb, encode_png
from pfafn.data.parts import Parsing
from pfafn.registry import gate, stamp
from pfafn.registry.record import RecordError, flatten, read
from pfafn.registry.store import RegistryError, connect, home

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
CHAMPION = "models:/pfafn-student@champion"


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
    made = Project(tmp_path / "project")
    shutil.copy(empty_store, made.root / "mlflow.db")
    monkeypatch.chdir(made.root)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI", "PREFECT__FLOW_RUN_ID", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    return made


def runs_of(project: Project) -> list:
    store = connect(project.root)
    return store.client.search_runs([store.experiment])


def test_a_retraining_is_a_parent_run_with_a_child_for_each_stage(project: Project) -> None:
    project.retrain()
    registry.sync()
    children = [run for run in runs_of(project) if "mlflow.parentRunId" in run.data.tags]
    assert {run.data.tags["pfafn.stage"] for run in children} == set(project.stages)
    assert len({run.data.tags["mlflow.parentRunId"] for run in children}) == 1


def test_a_run_has_params_metrics_curve_files_and_the_time_it_took(project: Project) -> None:
    project.retrain()
    registry.sync()
    store = connect(project.root)
    (run,) = [r for r in runs_of(project) if r.data.tags.get("pfafn.stage") == "tutor_warp"]
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


def test_a_stage_that_did_not_run_again_keeps_its_run(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 21)
    registry.sync()
    stages = [run.data.tags.get("pfafn.stage") for run in runs_of(project)]
    assert stages.count("tutor_tryon") == 1
    assert stages.count("student_tryon") == stages.count("evaluate") == 2


def test_what_an_interrupted_mirroring_left_is_made_anew(project: Project) -> None:
    project.retrain()
    registry.sync()
    store = connect(project.root)
    broken = runs_of(project)[0].info.run_id
    store.client.update_run(broken, status="RUNNING")
    registry.sync()
    assert broken not in {run.info.run_id for run in runs_of(project)}
    assert len(runs_of(project)) == len(project.stages) + 1


def test_the_first_student_becomes_champion_with_its_tutor(project: Project) -> None:
    project.retrain()
    assert registry.sync().champion == "1"
    assert registry.describe(CHAMPION)["version"] == 1
    assert registry.describe("models:/pfafn-tutor@champion")["version"] == 1


def test_a_better_student_replaces_the_champion_which_becomes_previous(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 21)
    assert registry.sync().champion == "2"
    assert registry.describe("models:/pfafn-student@previous")["version"] == 1


def test_a_worse_student_is_challenger_and_says_why(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 19)
    assert registry.sync().champion == "1"
    challenger = registry.describe("models:/pfafn-student@challenger")
    assert challenger["version"] == 2
    assert "-1 against the champion over 12 pairs" in challenger["gate"]["reason"]


def test_a_gain_within_the_margin_does_not_promote(project: Project) -> None:
    project.register(margin=1.5)
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 21)
    assert registry.sync().champion == "1"


def test_scores_on_other_photos_are_not_compared(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 30, photos="p2")
    outcome = registry.sync()
    assert outcome.champion == "1"
    assert "other data" in outcome.reason


def test_a_failed_evaluation_never_promotes_even_the_first_student(project: Project) -> None:
    project.retrain("a", 20)
    project.evaluate(20, broken=3)
    outcome = registry.sync()
    assert outcome.champion == ""
    assert "failed on 3 pairs" in outcome.reason


def test_a_student_without_evaluation_is_registered_but_not_promoted(project: Project) -> None:
    project.retrain("a", 20)
    del project.stages["evaluate"]
    project.write_lock()
    outcome = registry.sync()
    assert (outcome.student, outcome.champion) == ("1", "")
    assert outcome.reason == "it was not evaluated"


def test_a_rolled_back_champion_is_not_undone_by_mirroring_again(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 21)
    registry.sync()
    connect(project.root).client.set_registered_model_alias("pfafn-student", "champion", "1")
    assert registry.sync().champion == "1"


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
    lineage = {k: v for k, v in before["lineage"].items() if k != "evaluation.run"}
    assert lineage.items() <= after["lineage"].items()


def test_deleted_artifacts_are_mirrored_again(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    shutil.rmtree(project.root / "mlartifacts")
    with pytest.raises(RegistryError, match="registry sync"):
        registry.resolve(CHAMPION)
    registry.sync()
    assert registry.resolve(CHAMPION).is_file()


def test_a_version_says_what_made_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "flow-1")
    project.retrain("a", 20, photos="p9", commit="abc123+dirty")
    registry.sync()
    lineage = registry.describe(CHAMPION)["lineage"]
    assert lineage["data.md5"] == "p9"
    assert (lineage["git.commit"], lineage["git.dirty"]) == ("abc123", "true")
    assert lineage["fakes.md5"] == "p9.dir"
    assert lineage["tutor.version"] == "1"
    assert lineage["evaluation.protocol.pairs"] == "of p9"
    assert lineage["prefect.flow_run_id"] == "flow-1"
    assert {"dvc.lock", "dvc.stage.tutor_tryon", "dvc.stage.student_tryon"} <= set(lineage)


def test_a_uri_leads_to_the_very_weights(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    ours = (project.root / "artifacts/student_tryon/model.safetensors").read_bytes()
    for uri in (CHAMPION, "models:/pfafn-student/1"):
        assert registry.resolve(uri).read_bytes() == ours


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("models:/pfafn-student", "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
        ("models:/pfafn-student@best", "has no models:/pfafn-student@best"),
        ("models:/pfafn-student/7", "has no models:/pfafn-student/7"),
        ("models:/other@champion", "has no models:/other@champion"),
    ],
)
def test_a_uri_that_leads_nowhere_says_so(project: Project, uri: str, says: str) -> None:
    project.retrain()
    registry.sync()
    with pytest.raises(RegistryError, match=says):
        registry.resolve(uri)


def test_looking_into_a_registry_that_is_not_there_makes_none(project: Project) -> None:
    (project.root / "mlflow.db").unlink()
    with pytest.raises(RegistryError, match="dvc repro"):
        registry.listing()
    assert not (project.root / "mlflow.db").exists()


def test_a_moved_registry_says_how_to_rebuild_it(project: Project) -> None:
    project.retrain()
    registry.sync()
    moved = project.root.rename(project.root.with_name("moved"))
    os.chdir(moved)
    with pytest.raises(RegistryError, match="delete mlflow.db and mlartifacts"):
        registry.resolve(CHAMPION)


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


def test_an_experiment_in_a_temporary_copy_moves_no_alias(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.retrain("a", 20)
    registry.sync()
    copy = Project(tmp_path / "copy")
    copy.retrain("b", 30)
    monkeypatch.chdir(copy.root)
    monkeypatch.setenv("DVC_ROOT", str(project.root))
    outcome = registry.sync()
    assert (outcome.student, outcome.champion) == ("2", "1")


def test_the_store_is_the_same_from_every_folder_of_the_project(project: Project) -> None:
    folder = project.root / "some/where"
    folder.mkdir(parents=True)
    assert home(folder) == home(project.root) == project.root


def test_a_stamp_is_only_for_the_projects_own_store(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    note = stamp.Stamp(project.root, project.root)
    note.write(stamp.Outcome("1", "1", "1", "", []))
    assert note.read() is None


def test_curves_and_nested_metrics_become_flat_names(project: Project) -> None:
    project.retrain()
    evaluate = read(project.root).stages["evaluate"]
    assert evaluate.metrics == {"unpaired/student/psnr_clothes": 20.0}
    assert flatten({"a": {"b": 1, "c": {"d": 2}}}, ".") == {"a.b": 1, "a.c.d": 2}


def table(student: list[float], metric: str = "psnr_clothes") -> pd.DataFrame:
    known = pd.DataFrame({"model": "person", metric: np.ones(len(student))})
    own = pd.DataFrame({"model": "student", metric: student})
    for part in (known, own):
        part["item"], part["garment"] = range(len(student)), 5
    return pd.concat([known, own]).assign(protocol="unpaired")


def scores(folder: Path, values: list[float], metric: str = "psnr_clothes") -> gate.Scores:
    table(values, metric).to_parquet(folder / "samples.parquet")
    return gate.read(folder / "samples.parquet", f"unpaired.{metric}")


def test_the_gate_wants_to_be_sure_of_the_gain(tmp_path: Path) -> None:
    champion = scores(tmp_path, [20.0] * 10)
    sure = scores(tmp_path, [20.1] * 10)
    lucky = scores(tmp_path, [20.0 - 1] * 6 + [22.0] * 4)
    assert gate.compare(sure, champion, margin=0.05).promote
    assert not gate.compare(sure, champion, margin=0.2).promote
    assert lucky.values.mean() > champion.values.mean()
    assert not gate.compare(lucky, champion, margin=0.0).promote


def test_the_same_student_is_not_better_than_itself(tmp_path: Path) -> None:
    same = scores(tmp_path, [20.0, 21.0])
    assert not gate.compare(same, same, margin=0.0).promote


def test_where_lower_is_better_less_is_a_gain(tmp_path: Path) -> None:
    champion, new = scores(tmp_path, [3.0, 4.0], "epe"), scores(tmp_path, [1.0, 1.0], "epe")
    assert gate.compare(new, champion, margin=1.0).promote


def test_other_pairs_are_not_compared(tmp_path: Path) -> None:
    decision = gate.compare(scores(tmp_path, [30.0] * 3), scores(tmp_path, [20.0] * 2), 0.0)
    assert not decision.promote
    assert "same pairs" in decision.reason


def test_auto_takes_the_first_metric_that_has_numbers(tmp_path: Path) -> None:
    paired = table([0.9, 0.8], "ssim").assign(protocol="paired")
    unknown = table([np.nan, np.nan]).assign(psnr_clothes=np.nan)
    pd.concat([unknown, paired]).to_parquet(tmp_path / "samples.parquet")
    assert gate.read(tmp_path / "samples.parquet", "auto").metric == "paired.ssim"


def test_a_misspelt_metric_names_the_ones_there_are(tmp_path: Path) -> None:
    table([1.0]).to_parquet(tmp_path / "samples.parquet")
    with pytest.raises(gate.GateError, match=r"\['psnr_clothes'\], got 'unpaired.psnr'"):
        gate.read(tmp_path / "samples.parquet", "unpaired.psnr")


def test_show_as_json_names_version_aliases_scores_lineage_and_sources(project: Project) -> None:
    from typer.testing import CliRunner

    from pfafn.cli_registry import app

    project.retrain()
    registry.sync()
    shown = json.loads(CliRunner().invoke(app, ["show", "--json"]).stdout)
    assert shown["version"] == 1
    assert shown["aliases"] == ["champion"]
    assert shown["scores"] == {"unpaired.psnr_clothes": 20.0}
    assert Path(shown["sources"]["weights"]).is_file()
    for command in ("list", "show", "sync"):
        assert "pfafn-student" in CliRunner().invoke(app, [command]).stdout


def test_registered_models_answer_through_mlflow(project: Project) -> None:
    import mlflow

    project.retrain()
    project.put_networks(64, 96)
    registry.sync()
    picture = base64.b64encode(encode_png(np.full((64, 96, 3), 90, np.uint8))).decode()
    mask = base64.b64encode(encode_png(np.full((64, 96), 255, np.uint8))).decode()
    row = {"person": picture, "garment": picture, "garment_mask": mask}
    row |= {"parsing": parsing(), "keypoints": json.dumps([20.0] * 54)}
    for name in ("pfafn-student", "pfafn-tutor"):
        model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
        columns = model.metadata.get_input_schema().input_names()
        asked = pd.DataFrame([{key: value for key, value in row.items() if key in columns}])
        image = decode_rgb(base64.b64decode(model.predict(asked)["image"][0]))
        assert image.shape == (64, 96, 3)


def parsing() -> str:
    worn = np.full((64, 96), Parsing.UPPER_CLOTHES, np.uint8)
    return base64.b64encode(encode_png(worn)).decode()


def test_the_pinned_requirements_have_no_local_build_labels() -> None:
    from pfafn.registry.versions import requirements

    assert all("==" in line and "+" not in line for line in requirements())
