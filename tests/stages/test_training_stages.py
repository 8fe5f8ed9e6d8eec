"""The stages from prepared photos to a trained student, on four people."""

import json
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import tinyset
from declared import nothing_else, written

from pfafn.kit.files import MissingInput, file_hash
from pfafn.params.file import Params
from pfafn.samples.shards import Shards
from pfafn.stages import fakes, student_tryon, student_warp, train, tutor_tryon, tutor_warp
from pfafn.stages.fakes import NoUsableFake
from pfafn.weights import model_file
from pfafn.weights.model_file import ModelError

STAGES = (tutor_warp, tutor_tryon, fakes, student_warp, student_tryon)
FILES = {"model.safetensors", "metrics.json", "curve.csv", "curve.png", "provenance.json"}


def params(**changes: dict) -> Params:
    """The tiny params: every training lasts two steps, every fake is good enough."""
    short = {"epochs": 1, "decay": 1, "batch": 4}
    stages = dict.fromkeys(("tutor_warp", "tutor_tryon", "student_warp", "student_tryon"), short)
    fakes = {"per_person": 1, "min_area": 0.0, "min_agreement": 0.0}
    return tinyset.changed(tinyset.changed(tinyset.params(), fakes=fakes, **stages), **changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts after all five stages, each of which saw only what dvc.yaml lets it read."""
    artifacts = tmp_path_factory.mktemp("root") / "artifacts"
    tinyset.write_prepared(artifacts)
    tinyset.write_annotations(artifacts)
    for stage in STAGES:
        with nothing_else(artifacts, stage.__name__.split(".")[-1]):
            stage.run(params(), artifacts)
    return artifacts


@pytest.mark.parametrize("stage", ["tutor_warp", "tutor_tryon", "student_warp", "student_tryon"])
def test_a_training_leaves_model_metrics_curve_and_provenance(trained: Path, stage: str) -> None:
    assert {p.name for p in (trained / stage).iterdir()} == FILES
    card = model_file.read_card(trained / stage / "model.safetensors")
    assert (card["stage"], card["role"]) == (stage, stage.split("_")[0])
    assert (card["generator"] is None) == stage.endswith("warp")
    assert json.loads((trained / stage / "metrics.json").read_text())["steps"] == 2
    assert pd.read_csv(trained / stage / "curve.csv")["step"].tolist() == [1, 2]


def test_resume_points_are_gone_once_the_model_is_there(trained: Path) -> None:
    assert not list((trained.parent / ".work").rglob("*.safetensors"))


def test_running_again_gives_the_same_bytes(trained: Path) -> None:
    model = trained / "tutor_tryon" / "model.safetensors"
    before = file_hash(model)
    tutor_tryon.run(params(), trained)
    assert file_hash(model) == before


@pytest.mark.parametrize("module", STAGES)
def test_all_that_a_stage_writes_is_an_output_to_dvc(trained: Path, module: ModuleType) -> None:
    stage = module.__name__.rpartition(".")[2]
    made = [f"artifacts/{stage}/{path.name}" for path in (trained / stage).iterdir()]
    assert sorted(made) == sorted(written(stage))


def test_every_training_person_is_dressed_once_in_its_unpaired_garment(trained: Path) -> None:
    table = pd.read_parquet(trained / "fakes" / "fakes.parquet")
    assert table["item"].tolist() == list(range(tinyset.SPLIT))
    assert table["garment"].tolist() == [1] * tinyset.SPLIT
    assert len(Shards(trained / "fakes" / "shards")) == len(table)
    assert table["agreement"].between(0, 1).all()
    assert (trained / "fakes" / "fakes.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("stage", "needs"),
    [
        (tutor_warp, "prepare"), (tutor_tryon, "tutor_warp"), (fakes, "tutor_tryon"),
        (student_warp, "fakes"), (student_tryon, "fakes"),
    ],
)  # fmt: skip
def test_a_missing_input_stops_with_the_stage_that_makes_it(
    stage: object, needs: str, tmp_path: Path
) -> None:
    artifacts = tmp_path / "artifacts"
    if needs != "prepare":
        tinyset.write_prepared(artifacts)
        tinyset.write_annotations(artifacts)
    with pytest.raises(MissingInput, match=f"run `dvc repro {needs}`"):
        stage.run(params(), artifacts)
    assert not (artifacts / stage.__name__.split(".")[-1]).exists()


def test_a_tutor_of_another_width_is_refused_before_training(trained: Path) -> None:
    wider = params(model={"fpn": 16})
    with pytest.raises(ModelError, match=r"tutor_warp/model.safetensors: fpn is 8, expected 16"):
        tutor_tryon.run(wider, trained)


def test_what_is_left_to_do_is_told_of_this_stage_and_those_after_it(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train.forecast(params(), trained, "student_tryon", 0.5)
    assert "student_tryon: about 0:00:04 in all on this machine; " in capsys.readouterr().err


def test_fakes_that_are_all_bad_stop_the_stage_and_keep_the_last_ones(trained: Path) -> None:
    strict = params(fakes={"min_agreement": 1.0})
    with pytest.raises(NoUsableFake, match=r"all 4 fakes were rejected .*limit 1.0"):
        fakes.run(strict, trained)
    assert (trained / "fakes" / "fakes.parquet").is_file()
