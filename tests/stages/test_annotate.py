import json
from pathlib import Path

import numpy as np
import pandas as pd
import photoset
import pytest
from declared import written

from pfafn.kit.files import MissingInput
from pfafn.models.parts import BodyPart, Category, Parsing
from pfafn.params.file import Params
from pfafn.photos import images
from pfafn.samples.dataset import TestSamples, TutorSamples
from pfafn.samples.shards import Shards
from pfafn.stages import annotate, prepare
from pfafn.stages.annotate import AnnotationError

PARAMS = Params.load(Path(__file__).parents[2] / "params.yaml")
H, W = SIZE = PARAMS.image.size


def prepared(data, **changes) -> Path:
    section = PARAMS.prepare.model_copy(update=changes)
    prepare.run(PARAMS.model_copy(update={"prepare": section}), data, data.parent / "prepare")
    return data.parent / "prepare"


def run(data, body_parts="auto", **changes) -> Path:
    section = PARAMS.annotate.model_copy(update={"body_parts": body_parts})
    params = PARAMS.model_copy(update={"annotate": section})
    out = data.parent / "annotate"
    annotate.run(params, data, prepared(data, **changes), out)
    return out


@pytest.fixture
def data(tmp_path):
    return photoset.viton(tmp_path / "data", size=SIZE)


def first(out) -> dict:
    row = Shards(out / "shards")[0]
    ids = {name: images.decode_ids(row[name]) for name in ("parsing", "body_parts")}
    points = np.array(row["keypoints"], np.float32).reshape(18, 3)
    return ids | {"keypoints": points, "source": row["body_parts_source"]}


def densepose(data, fill):
    for split in ("train", "test"):
        (data / f"{split}_densepose").mkdir()
        for label in (data / f"{split}_label").iterdir():
            np.save(data / f"{split}_densepose/{label.stem}.npy", np.full(SIZE, float(fill)))


def test_all_that_it_writes_is_an_output_to_dvc(data):
    made = [f"artifacts/annotate/{path.name}" for path in run(data).iterdir()]
    assert sorted(made) == sorted(written("annotate"))


def test_row_i_annotates_item_i(data):
    out = run(data)
    rows = pd.read_parquet(data.parent / "prepare/manifest.parquet")
    assert len(Shards(out / "shards")) == len(rows) == 7


def test_files_of_the_right_size_come_through_unchanged(data):
    found = first(run(data))
    np.testing.assert_array_equal(found["parsing"], photoset.parsing(SIZE))
    np.testing.assert_allclose(found["keypoints"], photoset.keypoints(SIZE), rtol=1e-5)


def test_maps_of_a_named_scheme_are_read_by_it(data):
    for file in data.glob("*_label/*"):
        photoset.write_gray(file, photoset.recoded(photoset.parsing(SIZE), photoset.LIP))
    found = first(run(data, parsing="lip"))
    np.testing.assert_array_equal(found["parsing"], photoset.parsing(SIZE))


def test_the_person_on_the_parsing_map_is_taken_of_several(data):
    crowd = photoset.openpose(photoset.keypoints(SIZE))
    crowd["people"].insert(0, photoset.openpose(photoset.keypoints(SIZE) * 0.5)["people"][0])
    photoset.write_json(data / "train_pose/000000_0_keypoints.json", crowd)
    np.testing.assert_allclose(first(run(data))["keypoints"], photoset.keypoints(SIZE), rtol=1e-5)


def test_annotations_follow_the_picture_to_the_networks_size(tmp_path):
    data = photoset.viton(tmp_path / "data", size=(2 * H, 2 * W))
    found = first(run(data))
    assert (found["parsing"] != photoset.parsing(SIZE)).mean() < 0.03
    np.testing.assert_allclose(found["keypoints"], photoset.keypoints(SIZE), atol=0.6)


def test_a_letterboxed_person_keeps_its_points_on_its_limbs(tmp_path):
    data = photoset.viton(tmp_path / "data", size=(192, 192))
    found = first(run(data))
    x, y = found["keypoints"][3, :2].round().astype(int)
    assert found["parsing"][y, x] == Parsing.RIGHT_ARM


def test_body_parts_are_derived_without_densepose(data):
    found = first(run(data))
    assert found["source"] == "derived"
    assert (found["body_parts"] == BodyPart.LEFT_UPPER_ARM).any()


def test_densepose_files_are_used_where_they_exist(data):
    densepose(data, BodyPart.LEFT_FOOT)
    (data / "train_densepose/000001_0.npy").unlink()
    out = run(data)
    assert (first(out)["body_parts"] == BodyPart.LEFT_FOOT).all()
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["body_parts_from_files"], metrics["body_parts_derived"]) == (6, 1)


def test_derived_ignores_densepose_files(data):
    densepose(data, BodyPart.LEFT_FOOT)
    assert first(run(data, "derived"))["source"] == "derived"


def test_files_insists_on_densepose(data):
    with pytest.raises(MissingInput, match=r"7 of 7 persons.*000000_0.*auto or derived"):
        run(data, "files")
    assert not (data.parent / "annotate").exists()


def test_a_test_person_without_annotations_gets_empty_ones(data):
    for kind in ("test_label", "test_pose"):
        for file in (data / kind).iterdir():
            file.unlink()
        (data / kind).rmdir()
    out = run(data)
    last = Shards(out / "shards")[6]
    assert not images.decode_ids(last["parsing"]).any()
    assert not any(last["keypoints"])
    assert json.loads((out / "metrics.json").read_text())["without_parsing"] == 3


def test_a_file_changed_since_prepare_is_named(data):
    prepare_folder = prepared(data)
    (data / "train_label/000001_0.png").write_bytes(b"broken")
    with pytest.raises(AnnotationError, match=r"train_label/000001_0.png.*changed"):
        annotate.run(PARAMS, data, prepare_folder, data.parent / "annotate")


def test_without_prepare_the_stage_is_named(data, tmp_path):
    with pytest.raises(MissingInput, match="dvc repro prepare"):
        annotate.run(PARAMS, data, tmp_path / "none", tmp_path / "annotate")


def check_person(out, data, item=0, category=Category.UPPER):
    """The item reads as the drawn person, whatever layout it came from."""
    dataset = TutorSamples(data.parent / "prepare", out)
    sample = dataset[item]
    assert sample.annotation.category == category
    assert (sample.annotation.parsing.numpy() != photoset.parsing(SIZE)).mean() < 0.03
    np.testing.assert_allclose(sample.annotation.keypoints, photoset.keypoints(SIZE), atol=1)
    assert sample.garment.mask.mean() == pytest.approx(0.3, abs=0.02)


def test_viton_resize_reads_as_viton(tmp_path):
    data = photoset.viton_resize(tmp_path / "data", size=(2 * H, 2 * W))
    check_person(run(data), data)


def test_viton_hd_reads_as_viton(tmp_path):
    data = tmp_path / "data"
    for n in range(3):
        photoset.viton_hd_sample(data, n, size=(2 * H, 2 * W))
    for n in (10, 11):
        photoset.viton_hd_sample(data, n, whole=False, points=18)
    for n in (20, 21, 22):
        photoset.viton_hd_garment(data, n)
    out = run(data)
    check_person(out, data)
    test = TestSamples(data.parent / "prepare", out)
    assert test.manifest["garment"].tolist() == [-1, -1]
    assert test.manifest["unpaired"].map(len).tolist() == [1, 1]


def test_dresscode_reads_as_viton(tmp_path):
    data = photoset.dresscode(tmp_path / "data", size=(2 * H, 2 * W))
    out = run(data)
    check_person(out, data)
    check_person(out, data, item=2, category=Category.DRESS)
    garments = pd.read_parquet(data.parent / "prepare/garments.parquet")
    assert (garments["mask_source"] == "white").all()


def test_nobody_tries_on_a_garment_of_another_category(tmp_path):
    data = photoset.dresscode(tmp_path / "data", size=SIZE)
    folder = prepared(data)
    rows = pd.read_parquet(folder / "manifest.parquet").explode("unpaired")
    garments = pd.read_parquet(folder / "garments.parquet")
    drawn = garments.loc[rows["unpaired"]].reset_index(drop=True)
    assert (drawn["category"] == rows["category"].reset_index(drop=True)).all()
    assert (drawn["split"] == rows["split"].reset_index(drop=True)).all()


@pytest.mark.parametrize(("source", "from_files"), [("auto", 2), ("files", 2), ("derived", 0)])
def test_annotations_are_counted_by_where_they_come_from(source: str, from_files: int) -> None:
    file = Path("a")
    persons = [
        annotate.Person("a", file, None, file, SIZE, "viton"),
        annotate.Person("b", None, None, file, SIZE, "viton"),
        annotate.Person("c", file, file, None, SIZE, "viton"),
    ]
    assert annotate.counts(persons, source) == {
        "persons": 3, "body_parts_from_files": from_files, "body_parts_derived": 3 - from_files,
        "without_parsing": 1, "without_keypoints": 2,
    }  # fmt: skip
