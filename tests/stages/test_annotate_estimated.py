"""Stages prepare and annotate on photos without annotations: a parser estimates them."""

import json
import shutil
from pathlib import Path

import numpy as np
import photoset
import pytest
import tinyset
import torch
from declared import written

from pfafn.estimators import annotation
from pfafn.estimators.annotation import Implausible
from pfafn.estimators.parser import PhotoParser, Seen
from pfafn.kit.files import file_hash
from pfafn.models.parser import Parser
from pfafn.models.parts import BodyPart
from pfafn.params.file import Params
from pfafn.photos.images import decode_ids
from pfafn.samples.dataset import TestSamples, TutorSamples
from pfafn.samples.shards import Shards
from pfafn.stages import annotate, prepare
from pfafn.stages.prepare import RejectedError
from pfafn.weights import model_file

SIZE = (128, 96)
CARD = {"image": [64, 96], "trained_on": 3, "held_out": {"pck": 0.5}, "inputs": {}}


class Knows(PhotoParser):
    """A parser that is always right about the drawn people."""

    def see(self, rgb: np.ndarray) -> Seen:
        return Seen(photoset.parsing(rgb.shape[:2]), photoset.keypoints(rgb.shape[:2]))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photos of people and garments, and nothing else."""
    root = photoset.viton(tmp_path / "data", size=SIZE)
    for folder in [*root.glob("*_label"), *root.glob("*_pose"), *root.glob("*_edge")]:
        shutil.rmtree(folder)
    return root


@pytest.fixture
def params(tmp_path: Path) -> Params:
    """To estimate by a parser that has learnt nothing."""
    torch.manual_seed(0)
    file = tmp_path / "parser.safetensors"
    model_file.save(Parser(4), file, CARD | {"licence": "CC0"})
    told = {
        "source": "estimate",
        "parser": str(file),
        "sha256": file_hash(file)[:16],
        "pose": "parser",
    }
    whole = Params.load(tinyset.SMOKE)
    return tinyset.changed(whole, annotate=told)


@pytest.fixture
def right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation, "_parser", lambda file: Knows(Parser(4), SIZE))


def run(params: Params, data: Path) -> Path:
    for stage in ("prepare", "annotate"):
        shutil.rmtree(data.parent / stage, ignore_errors=True)
    prepare.run(params, data, data.parent / "prepare")
    annotate.run(params, data, data.parent / "prepare", data.parent / "annotate")
    return data.parent


@pytest.mark.usefixtures("right")
def test_photos_alone_become_samples_to_learn_from(data: Path, params: Params) -> None:
    done = run(params, data)
    folders = done / "prepare", done / "annotate"
    assert (len(TutorSamples(*folders)), len(TestSamples(*folders))) == (4, 3)
    told = TutorSamples(*folders)[0].annotation
    np.testing.assert_array_equal(told.parsing, photoset.parsing(SIZE))
    np.testing.assert_allclose(told.keypoints, photoset.keypoints(SIZE))
    row = Shards(done / "annotate" / "shards")[0]
    assert row["body_parts_source"] == "derived"
    assert BodyPart.TORSO in decode_ids(row["body_parts"], "body parts")
    made = [f"artifacts/annotate/{path.name}" for path in (done / "annotate").iterdir()]
    assert sorted(made) == sorted(written("annotate"))
    told = json.loads((done / "annotate" / "provenance.json").read_text())["parser"]
    assert (told["licence"], told["trained_on"], told["held_out"]) == ("CC0", 3, {"pck": 0.5})
    metrics = json.loads((done / "annotate" / "metrics.json").read_text())
    assert metrics == {"persons": 7, "estimated": 7, "implausible": 0}


@pytest.mark.usefixtures("right")
def test_the_data_sets_own_annotations_are_left_alone(tmp_path: Path, params: Params) -> None:
    data = photoset.viton(tmp_path / "annotated", size=SIZE)
    for label in data.glob("*_label/*"):
        label.write_bytes(b"damaged")
    assert len(TutorSamples(*(run(params, data) / name for name in ("prepare", "annotate")))) == 4


def test_without_an_estimate_photos_alone_are_rejected(data: Path, params: Params) -> None:
    own = tinyset.changed(
        params, annotate={"source": "dataset", "parser": None, "sha256": None, "pose": None}
    )
    with pytest.raises(RejectedError, match="missing_file"):
        prepare.run(own, data, data.parent / "prepare")


def test_estimates_of_which_most_cannot_be_true_stop_the_stage(data: Path, params: Params) -> None:
    with pytest.raises(Implausible, match=r"parser.safetensors: its estimates cannot be true: in"):
        run(params, data)
    assert not (data.parent / "annotate").exists()
