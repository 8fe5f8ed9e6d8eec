"""What prepare rejects, and `check` finds: every kind of damage by file and reason."""

import json

import numpy as np
import photoset
import pytest
from prepared import PARAMS, SIZE, manifest, reasons, report, run

from pfafn.data.check import DEFAULTS, check
from pfafn.models.parts import Parsing
from pfafn.stages.prepare import RejectedError


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


def blank(data):
    photoset.write_rgb(data / "train_img/000001_0.jpg", np.full((*SIZE, 3), 128, np.uint8))


def tiny(data):
    photoset.write_rgb(data / "train_img/000001_0.jpg", photoset.person(1, (16, 12)))


def remove(file):
    def spoil(data):
        (data / file).unlink()

    return spoil


def pose(content):
    def spoil(data):
        photoset.write_json(data / "train_pose/000001_0_keypoints.json", content)

    return spoil


def points(**changes):
    array = photoset.keypoints(SIZE)
    for place, value in changes.items():
        array[int(place[1:]), 0] = value
    return array


def undressed(data):
    ids = photoset.parsing(SIZE)
    ids[ids == Parsing.UPPER_CLOTHES] = Parsing.SOCKS
    photoset.write_gray(data / LABEL, ids)


def inverted_mask(data):
    photoset.write_gray(data / EDGE, 255 - photoset.garment(1, SIZE)[1])


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
    "no parsing": (remove(LABEL), LABEL, "missing_file"),
    "no keypoints": (remove(POSE), POSE, "missing_file"),
    "no person": (remove(IMAGE), IMAGE, "missing_file"),
    "no garment": (remove(COLOR), COLOR, "missing_file"),
    "one colour": (blank, IMAGE, "blank"),
    "tiny person": (tiny, IMAGE, "implausible_size"),
    "17 keypoints": (pose(photoset.openpose(points()[:17])), POSE, "keypoints"),
    "NaN": (pose(photoset.openpose(points(x3=np.nan))), POSE, "keypoints"),
    "far outside": (pose(photoset.openpose(points(x3=900))), POSE, "keypoints"),
    "strings": (pose(STRINGS), POSE, "keypoints"),
    "nobody": (pose({"people": []}), POSE, "keypoints"),
    "not an object": (pose([1, 2]), POSE, "keypoints"),
    "all missing": (pose(photoset.openpose(points() * 0)), POSE, "keypoints"),
    "half as far from the corner": (
        pose(photoset.openpose(points() * [0.5, 0.5, 1])), POSE, "implausible",
    ),
    "no upper clothes": (undressed, LABEL, "implausible"),
    "mask black on white": (inverted_mask, EDGE, "implausible"),
    "body part 25": (body_parts(np.full(SIZE, 25.0)), DENSE, "body_parts"),
    "body parts in an archive": (body_parts_archive, DENSE, "body_parts"),
    "half a body part": (body_parts(np.full(SIZE, 0.5)), DENSE, "body_parts"),
    "body parts of another size": (body_parts(np.zeros((5, 4))), DENSE, "size_mismatch"),
}  # fmt: skip


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
    assert PARAMS.prepare == DEFAULTS


def test_check_says_so_where_nobody_can_be_used(data):
    for picture in (data / "train_color").iterdir():
        picture.unlink()
    for person in (data / "test_img").iterdir():
        person.write_bytes(b"")
    assert check(data)[-1].reason == "nobody"


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
