"""Versions: which is champion and why, what made it, and where its weights are."""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from retraining import Project

from pfafn import registry
from pfafn.models.parts import Parsing
from pfafn.photos.images import decode_rgb, encode_png
from pfafn.registry.store import RegistryError, connect

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
CHAMPION = "models:/pfafn-student@champion"


def test_the_first_student_becomes_champion_with_its_tutor(mirrored: Project) -> None:
    mirrored.retrain()
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


def test_a_gain_within_the_margin_does_not_promote_until_the_margin_is_smaller(
    project: Project,
) -> None:
    project.register(margin=1.5)
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 21)
    assert registry.sync().champion == "1"
    project.register(margin=0.5)
    assert registry.sync().champion == "2"


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


def test_a_champion_that_is_evaluated_anew_has_the_new_scores_alone_and_no_challenger(
    project: Project,
) -> None:
    project.retrain("a", 20)
    first = registry.sync()
    project.evaluate(15, photos="p2")
    scores = {"paired": {"student": {"ssim": 0.8}}}
    (project.root / "artifacts/evaluate/metrics.json").write_text(json.dumps(scores))
    project.relock()
    second = registry.sync()
    assert (second.champion, second.reason) == ("1", first.reason)
    found = registry.describe(CHAMPION)
    assert (found["aliases"], found["scores"]) == (["champion"], {"paired.ssim": 0.8})
    assert found["scored"]["pairs"] == "of p2"


@pytest.fixture
def _experiment(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retraining that is registered, and an experiment in a temporary copy that is not yet."""
    project.retrain("a", 20)
    registry.sync()
    project.retrain_in_copy(tmp_path / "copy", monkeypatch, "b", 30)


@pytest.mark.usefixtures("_experiment")
def test_an_experiment_in_a_temporary_copy_moves_no_alias() -> None:
    outcome = registry.sync()
    assert (outcome.student, outcome.champion) == ("2", "1")


@pytest.mark.usefixtures("_experiment")
def test_a_tutor_that_an_experiment_uses_again_stays_that_of_the_run_that_made_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "rusty-ibis")
    registry.sync()
    student, tutor = (registry.describe(f"models:/pfafn-{n}") for n in ("student/2", "tutor/1"))
    assert student["lineage"]["tutor.version"] == "1"
    assert student["lineage"]["dvc.experiment"] == "rusty-ibis"
    assert "dvc.experiment" not in tutor["lineage"]


def test_a_retraining_in_a_copy_is_judged_and_written_down_in_the_project(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.retrain("a", 20)
    registry.sync()
    copy = project.retrain_in_copy(tmp_path / "copy", monkeypatch, "b", 30)
    monkeypatch.setenv("PFAFN_PROMOTE", "yes")
    assert registry.sync().champion == "2"
    assert not (copy.root / "decisions").exists()
    monkeypatch.chdir(project.root)
    assert registry.sync().champion == "2"


def test_a_version_says_what_made_it(mirrored: Project) -> None:
    version = registry.describe(CHAMPION)
    lineage = version["lineage"]
    assert version["params"]["student_tryon.batch"] == "4"
    assert lineage["data.md5"] == "p9"
    assert (lineage["git.commit"], lineage["git.dirty"]) == ("abc123", "true")
    assert lineage["fakes.md5"] == "p9.dir"
    assert lineage["tutor.version"] == "1"
    assert version["scored"]["pairs"] == "of p9"
    assert lineage["prefect.flow_run_id"] == "flow-1"
    assert {"dvc.lock", "dvc.stage.tutor_tryon", "dvc.stage.student_tryon"} <= set(lineage)


def test_a_uri_leads_to_the_very_weights(mirrored: Project) -> None:
    ours = (mirrored.root / "artifacts/student_tryon/model.safetensors").read_bytes()
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
def test_a_uri_that_leads_nowhere_says_so(mirrored: Project, uri: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says):
        registry.resolve(uri)


def test_show_as_json_names_version_aliases_scores_lineage_and_sources(mirrored: Project) -> None:
    from typer.testing import CliRunner

    from pfafn.cli.registry import app

    shown = json.loads(CliRunner().invoke(app, ["show", "--json"]).stdout)
    assert shown["version"] == 1
    assert shown["aliases"] == ["champion"]
    assert shown["scores"] == {"unpaired.psnr_clothes": 20.0}
    assert Path(shown["sources"]["weights"]).is_file()
    for command in ("list", "show", "sync"):
        assert "student" in CliRunner().invoke(app, [command]).stdout


def test_registered_models_answer_through_mlflow(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setattr(sys, "path", sys.path)  # a model puts the code that it brings along before
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
    from pfafn.registry.stored import requirements

    assert all("==" in line and "+" not in line for line in requirements())
