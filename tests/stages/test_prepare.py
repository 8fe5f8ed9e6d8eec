"""What prepare writes of sound photos: rows, pictures, pairs, truth; the same bytes each time."""

import json

import cv2
import numpy as np
import pandas as pd
import photoset
import pytest
from declared import written
from prepared import PARAMS, SIZE, manifest, reasons, report, run

from pfafn.annotations.parsing import ParsingError
from pfafn.kit.files import MissingInput
from pfafn.photos import images
from pfafn.samples.shards import Shards


def test_row_i_is_item_i_train_first(data):
    rows = manifest(run(data))
    assert rows["item"].tolist() == list(range(7))
    assert rows["split"].tolist() == ["train"] * 4 + ["test"] * 3
    assert rows["person"].tolist() == [f"{n:06d}_0" for n in (0, 1, 2, 3, 100, 101, 102)]


def test_all_that_it_writes_is_an_output_to_dvc(data):
    made = [f"artifacts/prepare/{path.name}" for path in run(data).iterdir()]
    assert sorted(made) == sorted(written("prepare"))


def test_a_person_wears_the_garment_of_the_same_number(data):
    out = run(data)
    garments = pd.read_parquet(out / "garments.parquet")
    worn = garments["name"][manifest(out)["garment"]].str.removesuffix("_1")
    assert worn.tolist() == manifest(out)["person"].str.removesuffix("_0").tolist()
    assert (garments["mask_source"] == "file").all()


def test_pictures_of_the_right_size_are_kept_to_the_byte(data):
    out = run(data)
    assert Shards(out / "persons")[1]["image"] == (data / "train_img/000001_0.jpg").read_bytes()
    assert Shards(out / "garments")[6]["image"] == (data / "test_color/000102_1.jpg").read_bytes()


def test_masks_have_two_values_though_files_are_jpeg(data):
    mask = images.decode_gray(Shards(run(data) / "garments")[0]["mask"])
    assert np.unique(mask).tolist() == [0, 255]
    assert (mask != photoset.garment(0, SIZE)[1]).mean() < 0.01


def test_pictures_of_another_shape_are_letterboxed(tmp_path):
    data = photoset.viton(tmp_path / "data", size=(96, 96))
    rgb = images.decode_rgb(Shards(run(data) / "persons")[0]["image"])
    assert rgb.shape == (*SIZE, 3)
    assert (rgb[:16] == 255).all()
    assert manifest(data.parent / "prepare")["height"].unique().tolist() == [96]


def test_train_persons_get_distinct_garments_that_are_not_their_own(data):
    train = manifest(run(data, unpaired=3)).query("split == 'train'")
    for row in train.itertuples():
        assert sorted([*row.unpaired, row.garment]) == [0, 1, 2, 3]


def test_test_pairs_come_from_the_file(data):
    test = manifest(run(data)).query("split == 'test'")
    assert [list(row) for row in test["unpaired"]] == [[5], [6], [4]]


def test_without_a_pairs_file_everyone_gets_another_garment_exactly_once(data):
    (data / "test_pairs.txt").unlink()
    test = manifest(run(data)).query("split == 'test'")
    drawn = [row[0] for row in test["unpaired"]]
    assert sorted(drawn) == [4, 5, 6]
    assert all(a != b for a, b in zip(drawn, test["garment"], strict=True))


def test_a_person_in_several_lines_tries_on_several_garments(data):
    lines = "000100_0.jpg 000101_1.jpg\n000100_0.jpg 000102_1.jpg\n"
    (data / "test_pairs.txt").write_text(lines)
    assert manifest(run(data))["unpaired"][4].tolist() == [5, 6]


def test_without_a_test_split_a_fraction_is_drawn(tmp_path):
    data = photoset.viton(tmp_path / "data", train=8, test=0)
    counts = manifest(run(data, test_fraction=0.25))["split"].value_counts()
    assert counts.to_dict() == {"train": 6, "test": 2}


def test_limit_takes_the_first_names(data):
    limit = PARAMS.prepare.limit.model_copy(update={"train": 2, "test": 1})
    rows = manifest(run(data, limit=limit))
    assert rows["person"].tolist() == ["000000_0", "000001_0", "000100_0"]
    garments = pd.read_parquet(data.parent / "prepare/garments.parquet")
    assert garments["name"].tolist() == ["000000_1", "000001_1", "000100_1", "000101_1"]


def test_the_report_names_bad_files_beyond_the_limit_too(data):
    (mask,) = (data / "train_edge").glob("000003_1.*")
    cv2.imwrite(str(mask), np.full(SIZE, 255, np.uint8))
    limit = PARAMS.prepare.limit.model_copy(update={"train": 2, "test": 1})
    out = run(data, limit=limit, max_rejected=1.0)
    assert list(reasons(out)) == [f"train_edge/{mask.name}"]
    assert report(out)["counts"]["rejected"] == 1
    assert report(out)["counts"]["beyond_limit"] == 3


def test_equal_input_gives_equal_bytes(data, tmp_path):
    one, two = run(data, tmp_path / "one"), run(data, tmp_path / "two")
    for file in (p for p in one.rglob("*") if p.is_file() and p.name != "provenance.json"):
        assert file.read_bytes() == (two / file.relative_to(one)).read_bytes(), file


def test_metrics_are_flat_numbers(data):
    metrics = json.loads((run(data) / "metrics.json").read_text())
    assert metrics["persons_train"] == 4
    assert metrics["rejected_fraction"] == 0
    assert all(isinstance(value, int | float) for value in metrics.values())


def test_a_pair_with_a_rejected_garment_gets_another_one(data):
    photoset.write_gray(data / "test_edge/000101_1.jpg", np.full(SIZE, 255, np.uint8))
    out = run(data, max_rejected=0.3)
    rows = manifest(out)
    assert rows["person"].tolist()[4:] == ["000100_0", "000102_0"]
    assert rows["unpaired"][4].tolist() == [rows["garment"][5]]


def test_missing_data_says_how_to_get_some(tmp_path):
    with pytest.raises(MissingInput, match=r"make repro.*pfafn synth.*pfafn adopt"):
        run(tmp_path / "data")


def test_a_missing_mask_is_estimated(data):
    (data / "train_edge/000001_1.jpg").unlink()
    out = run(data)
    garments = pd.read_parquet(out / "garments.parquet")
    assert garments["mask_source"][1] == "white"
    mask = images.decode_gray(Shards(out / "garments")[1]["mask"])
    truth = photoset.garment(1, SIZE)[1]
    assert ((mask > 0) & (truth > 0)).sum() / ((mask > 0) | (truth > 0)).sum() > 0.95


def test_truth_is_stored_for_the_test_pairs_that_have_it(data):
    name = "000100_0__000101_1.png"
    photoset.write_rgb(data / "truth/test_tryon" / name, photoset.person(100, SIZE))
    out = run(data)
    truth = pd.read_parquet(out / "truth.parquet")
    assert truth.to_dict("records") == [{"item": 4, "garment": 5, "protocol": "unpaired"}]
    row = Shards(out / "truth")[0]
    np.testing.assert_array_equal(images.decode_rgb(row["tryon"]), photoset.person(100, SIZE))
    assert row["flow"] is None and row["label"] is None


def test_the_true_parsing_is_stored_at_the_networks_size_with_its_ids(data):
    label = data / "truth/test_label/000100_0__000101_1.png"
    photoset.write_gray(label, photoset.parsing((2 * SIZE[0], 2 * SIZE[1])))
    stored = images.decode_ids(Shards(run(data) / "truth")[0]["label"])
    np.testing.assert_array_equal(stored, photoset.parsing(SIZE))
    photoset.write_gray(label, np.full(SIZE, 77, np.uint8))
    with pytest.raises(ParsingError, match=r"000100_0__000101_1.png: ids \[77\]"):
        run(data)


def test_the_truth_of_photos_is_empty(data):
    out = run(data)
    assert pd.read_parquet(out / "truth.parquet").empty
    assert len(Shards(out / "truth")) == 0
