import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import photoset
import pytest

from pfafn.data import images
from pfafn.data.check import DEFAULTS, check
from pfafn.data.shards import Shards
from pfafn.outputs import MissingInput
from pfafn.params import Params
from pfafn.stages import prepare
from pfafn.stages.prepare import RejectedError

PARAMS = Params.load(Path(__file__).parents[2] / "params.yaml")
SIZE = PARAMS.image.size


def params(**changes) -> Params:
    return PARAMS.model_copy(update={"prepare": PARAMS.prepare.model_copy(update=changes)})


@pytest.fixture
def data(tmp_path):
    return photoset.viton(tmp_path / "data", size=SIZE)


def run(data, out=None, **changes) -> Path:
    out = out or data.parent / "prepare"
    prepare.run(params(**changes), data, out)
    return out


def manifest(out) -> pd.DataFrame:
    return pd.read_parquet(out / "manifest.parquet")


def report(out) -> dict:
    return json.loads((out / "report.json").read_text())


def reasons(out) -> dict:
    return {r["file"]: r["reason"] for r in report(out)["rejects"]}


def test_row_i_is_item_i_train_first(data):
    rows = manifest(run(data))
    assert rows["item"].tolist() == list(range(7))
    assert rows["split"].tolist() == ["train"] * 4 + ["test"] * 3
    assert rows["person"].tolist() == [f"{n:06d}_0" for n in (0, 1, 2, 3, 100, 101, 102)]


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


def test_the_number_of_processes_changes_no_byte(data, tmp_path, monkeypatch):
    monkeypatch.setattr("pfafn.data.pool.WORTH_A_POOL", 1)
    monkeypatch.setenv("PFAFN_WORKERS", "2")
    many = run(data, tmp_path / "many")
    monkeypatch.setenv("PFAFN_WORKERS", "1")
    one = run(data, tmp_path / "one")
    assert (one / "manifest.parquet").read_bytes() == (many / "manifest.parquet").read_bytes()
    for name in ("persons/00000.arrow", "garments/00000.arrow", "report.json"):
        assert (one / name).read_bytes() == (many / name).read_bytes(), name


def test_metrics_are_flat_numbers(data):
    metrics = json.loads((run(data) / "metrics.json").read_text())
    assert metrics["persons_train"] == 4
    assert metrics["rejected_fraction"] == 0
    assert all(isinstance(value, int | float) for value in metrics.values())


# What is wrong with train sample 000001, the file that is named, and the reason.
def truncated(data):
    file = data / "train_img/000001_0.jpg"
    file.write_bytes(file.read_bytes()[:500])


def empty_file(data):
    (data / "train_color/000001_1.jpg").write_bytes(b"")


def white_mask(data):
    photoset.write_gray(data / "train_edge/000001_1.jpg", np.full(SIZE, 255, np.uint8))


def black_mask(data):
    photoset.write_gray(data / "train_edge/000001_1.jpg", np.zeros(SIZE, np.uint8))


def strange_id(data):
    ids = photoset.parsing(SIZE)
    ids[3, 5] = 99
    photoset.write_gray(data / "train_label/000001_0.png", ids)


def other_size(data):
    photoset.write_gray(data / "train_label/000001_0.png", np.zeros((64, 96), np.uint8))


def body_parts_archive(data):
    (data / "train_densepose").mkdir()
    np.savez(data / "train_densepose/x.npz", a=np.zeros(SIZE))
    (data / "train_densepose/x.npz").rename(data / "train_densepose/000001_0.npy")


def no_label(data):
    (data / "train_label/000001_0.png").unlink()


def no_pose(data):
    (data / "train_pose/000001_0_keypoints.json").unlink()


def no_person(data):
    (data / "train_img/000001_0.jpg").unlink()


def no_garment(data):
    (data / "train_color/000001_1.jpg").unlink()


def blank(data):
    photoset.write_rgb(data / "train_img/000001_0.jpg", np.full((*SIZE, 3), 128, np.uint8))


def tiny(data):
    photoset.write_rgb(data / "train_img/000001_0.jpg", photoset.person(1, (16, 12)))


def pose(content):
    def spoil(data):
        photoset.write_json(data / "train_pose/000001_0_keypoints.json", content)

    return spoil


def points(**changes):
    array = photoset.keypoints(SIZE)
    for place, value in changes.items():
        array[int(place[1:]), 0] = value
    return array


def body_parts(array):
    def spoil(data):
        (data / "train_densepose").mkdir()
        np.save(data / "train_densepose/000001_0.npy", array)

    return spoil


IMAGE, LABEL, POSE = (
    f"train_{kind}" for kind in ("img/000001_0.jpg", "label/000001_0.png",
                                 "pose/000001_0_keypoints.json")
)  # fmt: skip
COLOR, EDGE, DENSE = (
    f"train_{kind}" for kind in ("color/000001_1.jpg", "edge/000001_1.jpg",
                                 "densepose/000001_0.npy")
)  # fmt: skip
STRINGS = {"people": [{"pose_keypoints": ["a"] * 54}]}
DAMAGE = {
    "truncated person": (truncated, IMAGE, "undecodable"),
    "empty garment file": (empty_file, COLOR, "undecodable"),
    "all-white mask": (white_mask, EDGE, "mask_full"),
    "black mask": (black_mask, EDGE, "mask_empty"),
    "id 99": (strange_id, LABEL, "parsing_ids"),
    "parsing of another size": (other_size, LABEL, "size_mismatch"),
    "no parsing": (no_label, LABEL, "missing_file"),
    "no keypoints": (no_pose, POSE, "missing_file"),
    "no person": (no_person, IMAGE, "missing_file"),
    "no garment": (no_garment, COLOR, "missing_file"),
    "one colour": (blank, IMAGE, "blank"),
    "tiny person": (tiny, IMAGE, "implausible_size"),
    "17 keypoints": (pose(photoset.openpose(points()[:17])), POSE, "keypoints"),
    "NaN": (pose(photoset.openpose(points(x3=np.nan))), POSE, "keypoints"),
    "far outside": (pose(photoset.openpose(points(x3=900))), POSE, "keypoints"),
    "strings": (pose(STRINGS), POSE, "keypoints"),
    "nobody": (pose({"people": []}), POSE, "keypoints"),
    "not an object": (pose([1, 2]), POSE, "keypoints"),
    "all missing": (pose(photoset.openpose(points() * 0)), POSE, "keypoints"),
    "body part 25": (body_parts(np.full(SIZE, 25.0)), DENSE, "body_parts"),
    "body parts in an archive": (body_parts_archive, DENSE, "body_parts"),
    "half a body part": (body_parts(np.full(SIZE, 0.5)), DENSE, "body_parts"),
    "body parts of another size": (body_parts(np.zeros((5, 4))), DENSE, "size_mismatch"),
}


@pytest.mark.parametrize(("spoil", "file", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_a_bad_sample_is_rejected_with_file_and_reason(data, spoil, file, reason):
    spoil(data)
    out = run(data, max_rejected=0.3)
    assert reasons(out)[file] == reason
    assert "000001_0" not in set(manifest(out)["person"])
    assert report(out)["counts"]["rejected"] == 1
    assert len(manifest(out)) == 6


@pytest.mark.parametrize(("spoil", "file", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_check_finds_what_prepare_rejects(data, spoil, file, reason):
    spoil(data)
    found = {finding.file: finding for finding in check(data)}
    assert found[file].reason == reason
    assert found[file].rejects
    assert json.loads(json.dumps(found[file].as_json()))["reason"] == reason


def test_good_data_has_no_findings(data):
    assert check(data) == []


def test_checks_rules_are_those_of_params_yaml():
    rules, used = PARAMS.prepare, DEFAULTS
    assert (used.min_mask, used.max_mask) == (rules.min_mask, rules.max_mask)


def test_the_same_picture_twice_is_taken_once(data):
    copy(data, "train_img/000000_0.jpg", "train_img/000002_0.jpg")
    out = run(data)
    assert reasons(out) == {"train_img/000002_0.jpg": "duplicate"}
    assert report(out)["rejects"][0]["value"] == "train_img/000000_0.jpg"


def copy(data, source, target):
    (data / target).write_bytes((data / source).read_bytes())


def test_a_test_picture_in_train_costs_the_train_copy(data):
    copy(data, "test_img/000101_0.jpg", "train_img/000002_0.jpg")
    out = run(data)
    assert reasons(out) == {"train_img/000002_0.jpg": "leak"}
    leak = {"train": "train_img/000002_0.jpg", "test": "test_img/000101_0.jpg", "kind": "leak"}
    assert report(out)["leaks"] == [leak]
    assert "000101_0" in set(manifest(out)["person"])


def test_a_recompressed_test_picture_in_train_is_a_leak(data):
    rgb = images.read_rgb(data / "test_img/000101_0.jpg")
    path = str(data / "train_img/000002_0.jpg")
    cv2.imwrite(path, rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 40])
    assert reasons(run(data)) == {"train_img/000002_0.jpg": "near_leak"}


def test_a_garment_in_both_splits_is_reported_and_kept(data):
    copy(data, "test_color/000101_1.jpg", "train_color/000002_1.jpg")
    out = run(data)
    assert report(out)["leaks"][0]["kind"] == "garment_leak"
    assert report(out)["counts"]["rejected"] == 0


def test_a_twin_of_the_worn_garment_is_never_tried_on(data):
    copy(data, "train_color/000000_1.jpg", "train_color/000002_1.jpg")
    rows = manifest(run(data, unpaired=3))
    assert 2 not in rows["unpaired"][0]
    assert 0 not in rows["unpaired"][2]


def test_leaks_do_not_count_as_damage(data):
    copy(data, "test_img/000101_0.jpg", "train_img/000001_0.jpg")
    copy(data, "test_img/000102_0.jpg", "train_img/000002_0.jpg")
    metrics = report(run(data, max_rejected=0.0))["counts"]
    assert (metrics["rejected"], metrics["leaks"], metrics["damaged_fraction"]) == (2, 2, 0)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("000999_0.jpg 000101_1.jpg", "no such person"),
        ("000100_0.jpg 000999_1.jpg", "no such garment"),
        ("nonsense", "line 1"),
    ],
)
def test_a_pair_that_cannot_be_followed_is_reported(data, line, problem):
    (data / "test_pairs.txt").write_text(line + "\n")
    finding = next(f for f in check(data) if f.reason == "pairs")
    assert finding.file == "test_pairs.txt"
    assert problem in finding.value


def test_a_pair_with_a_rejected_garment_gets_another_one(data):
    photoset.write_gray(data / "test_edge/000101_1.jpg", np.full(SIZE, 255, np.uint8))
    out = run(data, max_rejected=0.3)
    rows = manifest(out)
    assert rows["person"].tolist()[4:] == ["000100_0", "000102_0"]
    assert rows["unpaired"][4].tolist() == [rows["garment"][5]]


def test_stray_files_are_noted_but_reject_nothing(data):
    (data / "train_img/notes.txt").write_text("hello")
    (finding,) = check(data)
    assert (finding.file, finding.reason) == ("train_img/notes.txt", "stray_file")
    assert not finding.rejects


def test_a_second_picture_of_the_same_name_is_noted(data):
    photoset.write_rgb(data / "train_img/000001_0.png", photoset.person(9, SIZE))
    (finding,) = check(data)
    assert (finding.file, finding.reason) == ("train_img/000001_0.png", "stray_file")


def test_too_many_rejects_stop_the_stage_and_write_nothing(data):
    for n in range(4):
        (data / f"train_label/00000{n}_0.png").unlink()
    with pytest.raises(RejectedError, match=r"57.1% of 7 persons.*allows 20.0%.*missing_file 4"):
        run(data)
    assert not (data.parent / "prepare").exists()


def test_a_failed_run_keeps_the_earlier_result(data):
    out = run(data)
    before = (out / "manifest.parquet").read_bytes()
    for n in range(4):
        (data / f"train_label/00000{n}_0.png").unlink()
    with pytest.raises(RejectedError):
        run(data)
    assert (out / "manifest.parquet").read_bytes() == before


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
    assert row["flow"] is None


def test_the_truth_of_photos_is_empty(data):
    out = run(data)
    assert pd.read_parquet(out / "truth.parquet").empty
    assert len(Shards(out / "truth")) == 0
