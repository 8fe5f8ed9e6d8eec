import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tinyset
import torch
from declared import nothing_else, written

from pfafn.data.truth import write_truth
from pfafn.evaluation.metrics import METRICS
from pfafn.kit.files import MissingInput
from pfafn.stages import evaluate
from pfafn.weights.model_file import ModelError

FILES = {"metrics.json", "samples.parquet", "protocol.json", "grid.png", "report.html",
         "provenance.json"}  # fmt: skip


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    artifacts = tinyset.write_all(tmp_path_factory.mktemp("project") / "artifacts")
    curve = pd.DataFrame({"step": [1, 2], "total": [2.0, 1.0]})
    curve.to_csv(artifacts / "student_tryon/curve.csv", index=False)
    with nothing_else(artifacts, "evaluate"):
        evaluate.run(tinyset.params(), artifacts)
    return artifacts


def read(artifacts, name: str):
    return json.loads((artifacts / "evaluate" / name).read_text())


def test_it_writes_all_its_files_and_all_of_them_are_outputs_to_dvc(artifacts):
    made = {path.name for path in (artifacts / "evaluate").iterdir()}
    assert made == FILES | {"curves.png"}
    assert sorted(f"artifacts/evaluate/{name}" for name in made) == sorted(written("evaluate"))


def test_metrics_are_the_means_of_the_table(artifacts):
    metrics = read(artifacts, "metrics.json")
    samples = pd.read_parquet(artifacts / "evaluate/samples.parquet")
    student = samples[(samples["model"] == "student") & (samples["protocol"] == "unpaired")]
    assert metrics["unpaired"]["student"]["psnr_clothes"] == pytest.approx(
        student["psnr_clothes"].mean(), abs=1e-5
    )
    assert metrics["counts"]["unpaired"] == {
        "pairs": 3, "tutor": 2, "student": 2, "person": 2, "torso_box": 2
    }  # fmt: skip
    assert metrics["counts"]["paired"]["pairs"] == 2


def test_the_untouched_person_has_no_flow_to_judge(artifacts):
    metrics = read(artifacts, "metrics.json")
    assert set(metrics["unpaired"]["person"]) == set(METRICS) - {"iou", "epe", "hands"}
    assert {"iou", "epe"} < set(metrics["unpaired"]["torso_box"])


def test_names_in_the_table_are_those_of_the_photos(artifacts):
    samples = pd.read_parquet(artifacts / "evaluate/samples.parquet")
    pairs = samples[["protocol", "person", "garment"]].drop_duplicates()
    assert set(pairs.itertuples(index=False, name=None)) == {
        ("paired", "a", "g0"), ("paired", "b", "g1"),
        ("unpaired", "a", "g1"), ("unpaired", "b", "g2"), ("unpaired", "c", "g0"),
    }  # fmt: skip


def test_the_report_needs_nothing_beside_it(artifacts):
    page = (artifacts / "evaluate/report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert page.count("data:image/png;base64,") == 2
    assert "Protocol pfafn-test version 1" in page
    value = read(artifacts, "metrics.json")["unpaired"]["student"]["psnr_clothes"]
    assert f"{value:.2f}" in page


def test_equal_inputs_give_equal_files(artifacts):
    before = {name: (artifacts / "evaluate" / name).read_bytes() for name in FILES}
    evaluate.run(tinyset.params(batch=3), artifacts)
    for name in FILES - {"provenance.json", "samples.parquet", "metrics.json", "report.html"}:
        assert (artifacts / "evaluate" / name).read_bytes() == before[name], name
    after = json.loads((artifacts / "evaluate/metrics.json").read_bytes())
    first = json.loads(before["metrics.json"])
    for protocol in ("paired", "unpaired"):
        for model, values in first[protocol].items():
            found = after[protocol][model]
            np.testing.assert_allclose(list(found.values()), list(values.values()), rtol=1e-3)


def truth_of_photos(artifacts) -> None:
    """What `prepare` leaves for a data set that knows no truth."""
    write_truth(artifacts / "prepare", artifacts / "nowhere", iter(()), [], tinyset.SIZE)


def test_the_grid_names_who_wears_what_and_has_the_truth_that_is_known(test_set, batch):
    added = []
    gallery = SimpleNamespace(add=lambda *given: added.append(given))
    evaluate.show(gallery, SimpleNamespace(batch=batch), test_set)
    [(_, known, names)] = added
    assert names == ["a in g1", "b in g2", "c in g0"]
    pairs = [test_set.pair(item, "unpaired") for item in batch.item.tolist()]
    for picture, pair in zip(known, pairs, strict=True):
        truth = test_set.known(pair).image
        assert (picture is truth is None) or torch.equal(picture, truth)
    assert known[0] is not None and known[2] is None


@pytest.mark.parametrize("leave", [truth_of_photos, lambda artifacts: None])
def test_without_truth_unpaired_has_pictures_and_scores_of_what_must_not_change(
    tmp_path, monkeypatch, leave
):
    artifacts = tinyset.write_all(tmp_path, truth=False)
    leave(artifacts)
    shown, show = [], evaluate.show
    monkeypatch.setattr(evaluate, "show", lambda *given: shown.append(given[1]) or show(*given))
    metrics = evaluate.run(tinyset.params(), artifacts)
    assert {evaluated.protocol for evaluated in shown} == {"unpaired"}
    told = json.loads((artifacts / "evaluate/provenance.json").read_text())
    assert told["samples"] == 3
    kept = {"ssim_kept", "psnr_face", "psnr_hair", "psnr_lower"}
    assert all(set(scores) == kept for scores in metrics["unpaired"].values())
    assert metrics["unpaired"]["person"]["psnr_face"] == 100  # nothing is nearer than the photo
    assert metrics["unpaired"]["student"]["psnr_face"] < 50
    assert metrics["counts"]["unpaired"]["pairs"] == 3
    assert set(metrics["paired"]["student"]) == set(METRICS) - {"epe", "skin", "hands"}
    assert {p.name for p in (artifacts / "evaluate").iterdir()} == FILES


@pytest.mark.parametrize(
    ("missing", "stage"),
    [
        ("prepare/manifest.parquet", "prepare"),
        ("annotate/shards", "annotate"),
        ("tutor_tryon/model.safetensors", "tutor_tryon"),
        ("student_tryon/model.safetensors", "student_tryon"),
    ],
)
def test_a_missing_input_names_the_stage_that_makes_it(tmp_path, missing, stage):
    artifacts = tinyset.write_all(tmp_path)
    (artifacts / missing).rename(tmp_path / "away")
    with pytest.raises(MissingInput, match=f"run `dvc repro {stage}`"):
        evaluate.run(tinyset.params(), artifacts)
    assert not (artifacts / "evaluate").exists()


def test_a_model_in_the_wrong_place_is_refused(tmp_path):
    artifacts = tinyset.write_all(tmp_path)
    tutor = (artifacts / "tutor_tryon/model.safetensors").read_bytes()
    (artifacts / "student_tryon/model.safetensors").write_bytes(tutor)
    with pytest.raises(ModelError, match="role is tutor, expected student"):
        evaluate.run(tinyset.params(), artifacts)
    assert not (artifacts / "evaluate").exists()
