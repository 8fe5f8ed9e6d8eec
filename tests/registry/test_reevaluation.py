"""A champion that has no scores of the present photos gets them before it is compared."""

import json
import shutil
from pathlib import Path

import pytest
import tinyset
from retraining import Project, close, scores_of

from pfafn import registry
from pfafn.chronicle.decisions import Decisions
from pfafn.evaluation import again
from pfafn.evaluation.again import NotEvaluated
from pfafn.registry.store import connect
from pfafn.stages import evaluate
from pfafn.weights.model_file import read_card

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
STUDENT = "models:/pfafn-student"


class Stage:
    """In place of stage `evaluate`: gives the model it finds the score it is told to."""

    def __init__(self) -> None:
        self.quality = 22.0
        self.photos = "p2"
        self.code = ""
        self.error: str | None = None
        self.folders: list[Path] = []

    def __call__(self, folder: Path) -> None:
        self.folders.append(folder)
        if self.error:
            raise NotEvaluated(self.error)
        assert (folder / "artifacts/prepare/metrics.json").is_file()
        scores_of(folder / "artifacts/evaluate", self.quality, self.photos)
        (folder / "artifacts/evaluate/provenance.json").write_text(json.dumps({"code": self.code}))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(again, "run", made)
    return made


@pytest.fixture
def moved_on(project: Project) -> Project:
    """Version 1, 8 channels wide, was made champion on photos p1; version 2 has 21 dB on p2."""
    project.retrain("a", 20, photos="p1")
    project.put_networks()
    registry.sync()
    project.retrain("b", 21, photos="p2")
    return project


def test_a_champion_that_is_better_on_the_new_photos_stays(moved_on: Project, stage: Stage) -> None:
    outcome = registry.sync()
    assert outcome.champion == "1"
    assert "-1 against the champion over 12 pairs" in outcome.reason
    champion = registry.describe(f"{STUDENT}@champion")
    assert champion["scores"] == {"unpaired.psnr_clothes": 22.0}
    assert champion["scored"]["pairs"] == "of p2"
    student = stage.folders[0] / "artifacts/student_tryon/model.safetensors"
    assert read_card(student)["channels"] == [8] * 5


def test_a_champion_that_is_worse_on_them_is_replaced(moved_on: Project, stage: Stage) -> None:
    stage.quality = 19.0
    assert registry.sync().champion == "2"


def test_a_copy_of_the_project_evaluates_it_on_the_copys_own_data(
    project: Project, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.retrain("a", 20, photos="p1")
    project.put_networks()
    registry.sync()
    copy = project.retrain_in_copy(tmp_path / "copy", monkeypatch, "b", 21, photos="p2")
    monkeypatch.setenv("PFAFN_PROMOTE", "yes")
    assert registry.sync().champion == "1"
    [data] = (project.root / ".work/evaluations").glob("*/artifacts/prepare")
    assert data.resolve() == copy.root / "artifacts/prepare"


def test_the_scores_are_a_run_that_names_the_version_and_the_photos(
    moved_on: Project, stage: Stage
) -> None:
    registry.sync()
    run_id = registry.describe(f"{STUDENT}@champion")["sources"]["evaluation"]
    client = connect(moved_on.root).client
    run = client.get_run(run_id)
    assert (
        run.data.tags["pfafn.evaluates"]
        == registry.describe(f"{STUDENT}/1")["lineage"]["model.sha256"]
    )
    assert run.data.tags["data.md5"] == "p2"
    assert run.data.metrics["unpaired/student/psnr_clothes"] == 22.0
    new = client.get_run(registry.describe(f"{STUDENT}/2")["sources"]["evaluation"])
    assert run.data.tags["mlflow.parentRunId"] == new.data.tags["mlflow.parentRunId"]


def test_it_is_done_once_for_the_same_photos(moved_on: Project, stage: Stage) -> None:
    registry.sync()
    moved_on.retrain("c", 23, photos="p2")
    assert registry.sync().champion == "3"
    assert len(stage.folders) == 1


@pytest.fixture
def scored_otherwise(project: Project) -> Project:
    """Version 1 was made champion by old code; version 2 is scored by new code on equal photos."""
    project.retrain("a", 20)
    project.put_networks()
    registry.sync()
    project.retrain("b", 21)
    path = project.root / "artifacts/evaluate/provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"code": "new"}))
    project.relock()
    return project


def test_scores_that_other_code_gave_are_made_again(
    scored_otherwise: Project, stage: Stage
) -> None:
    stage.photos, stage.code = "p1", "new"
    assert "-1 against the champion over 12 pairs" in registry.sync().reason
    assert registry.describe(f"{STUDENT}@champion")["scored"]["code"] == "new"


def test_scores_by_still_other_code_are_not_believed(
    scored_otherwise: Project, stage: Stage
) -> None:
    stage.photos, stage.code = "p1", "newest"
    outcome = registry.sync()
    assert outcome.champion == "1"
    assert "other code scored the new student: run `dvc repro" in outcome.reason


def test_on_the_next_photos_it_is_evaluated_anew(moved_on: Project, stage: Stage) -> None:
    registry.sync()
    moved_on.retrain("c", 21, photos="p3")
    stage.photos = "p3"
    assert "-1 against the champion over 12 pairs" in registry.sync().reason
    assert registry.describe(f"{STUDENT}@champion")["scored"]["pairs"] == "of p3"


def test_it_comes_back_with_a_lost_registry(
    moved_on: Project, stage: Stage, empty_store: Path
) -> None:
    registry.sync()
    names = Decisions(moved_on.root).names()
    close(moved_on)
    shutil.copy(empty_store, moved_on.root / "mlflow.db")
    shutil.rmtree(moved_on.root / "mlartifacts")
    assert registry.sync().problems == []
    assert registry.describe(f"{STUDENT}@champion")["scores"] == {"unpaired.psnr_clothes": 22.0}
    assert Decisions(moved_on.root).names() == names
    assert len(stage.folders) == 1


def test_a_champion_that_cannot_be_evaluated_stays_and_the_reason_says_why(
    moved_on: Project, stage: Stage
) -> None:
    stage.error = "model.safetensors: not a readable safetensors file"
    outcome = registry.sync()
    assert outcome.champion == "1"
    assert "has no scores to compare with and could not be evaluated" in outcome.reason
    assert stage.error in outcome.reason


def test_scores_of_still_other_photos_are_not_believed(moved_on: Project, stage: Stage) -> None:
    stage.photos = "p3"
    outcome = registry.sync()
    assert outcome.champion == "1"
    assert "not what the new student had" in outcome.reason


@pytest.mark.slow
def test_stage_evaluate_itself_scores_a_champion_of_another_width(project: Project) -> None:
    project.retrain("a", 20, photos="p1")
    project.put_networks(*tinyset.SIZE)
    registry.sync()
    project.retrain("b", 30, photos="p2")
    artifacts = project.root / "artifacts"
    for stage in ("prepare", "tutor_tryon", "student_tryon", "evaluate"):
        shutil.rmtree(artifacts / stage)
    (artifacts / "tutor_warp/curve.csv").unlink()
    tinyset.write_all(artifacts)
    evaluate.run(tinyset.params(), artifacts)
    project.relock()
    outcome = registry.sync()
    assert "against the champion over 2 pairs" in outcome.reason
    assert {"unpaired.psnr_clothes", "paired.ssim"} <= set(
        registry.describe(f"{STUDENT}/1")["scores"]
    )
