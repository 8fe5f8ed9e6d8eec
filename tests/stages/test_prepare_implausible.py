"""A set whose annotations cannot be true stops prepare, with what it looks like and what to do."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import photoset
import pytest
from prepared import SIZE, manifest, report, run

from pfafn.data.check import DEFAULTS, check, review
from pfafn.stages.prepare import RejectedError


def rewritten(pattern: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """Every picture of some folders, changed."""

    def spoil(data: Path) -> None:
        for file in data.glob(pattern):
            photoset.write_gray(file, change(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)))

    return spoil


def unit_points(data: Path) -> None:
    h, w = SIZE
    for file in data.glob("*_pose/*"):
        points = photoset.keypoints(SIZE) / [w, h, 1]
        photoset.write_json(file, photoset.openpose(points, "pose_keypoints_2d"))


in_lip = rewritten("*_label/*", lambda ids: photoset.recoded(ids, photoset.LIP))
black_on_white = rewritten("*_edge/*", lambda mask: 255 - mask)
WRONG = {
    "points in [0, 1]": (unit_points, "train_pose", "multiply x by the picture's width"),
    "LIP's ids": (in_lip, "test_label", "set prepare.parsing to lip"),
    "masks black on white": (black_on_white, "train_edge", "4 of 4 masks"),
}
each = pytest.mark.parametrize(("spoil", "folder", "text"), WRONG.values(), ids=WRONG)


@each
def test_prepare_stops_and_says_what_it_looks_like(
    data: Path, spoil: Callable[[Path], None], folder: str, text: str
) -> None:
    spoil(data)
    with pytest.raises(RejectedError, match=f"{folder}: .*{re.escape(text)}"):
        run(data)
    assert not (data.parent / "prepare").exists()


@each
def test_check_says_the_same_of_the_folder(
    data: Path, spoil: Callable[[Path], None], folder: str, text: str
) -> None:
    spoil(data)
    (found,) = (f for f in check(data) if f.reason == "systematic" and f.file == folder)
    assert text in found.value
    assert found.rejects
    assert json.loads(json.dumps(found.as_json()))["split"] == folder.split("_")[0]


def test_one_split_may_be_wrong_alone(data: Path) -> None:
    black_on_white(data)
    for file in (data / "test_edge").iterdir():
        photoset.write_gray(file, photoset.garment(100, SIZE)[1])
    assert [f.file for f in check(data) if f.reason == "systematic"] == ["train_edge"]


def test_who_knows_better_makes_notes_of_it(data: Path) -> None:
    black_on_white(data)
    out = run(data, implausible="note")
    assert len(manifest(out)) == 7
    assert report(out)["reasons"] == {"implausible": 7, "systematic": 2}
    assert not report(out)["rejects"]
    assert not any(
        f.rejects for f in check(data, DEFAULTS.model_copy(update={"implausible": "note"}))
    )


def test_told_whose_ids_they_are_prepare_reads_the_maps_by_them(data: Path) -> None:
    in_lip(data)
    out = run(data, parsing="lip")
    assert set(manifest(out)["scheme"]) == {"lip"}
    assert not report(out)["reasons"]


def test_reports_that_are_kept_say_the_same(data: Path, tmp_path: Path) -> None:
    unit_points(data)
    shutil.rmtree(data / "test_pose")  # nothing can be measured of test's
    fresh, _, kept = (review(data, DEFAULTS, 0, work) for work in (None, tmp_path, tmp_path))
    assert fresh.findings == kept.findings
    assert len(fresh.findings) == 5
    for one, other in zip(fresh.persons["test"], kept.persons["test"], strict=True):
        np.testing.assert_equal(one.report.agreement, other.report.agreement)


def test_a_file_that_cannot_be_read_says_once_what_it_looks_like(data: Path) -> None:
    far = photoset.openpose(photoset.keypoints(SIZE) * [2, 2, 1])
    photoset.write_json(data / "train_pose/000001_0_keypoints.json", far)
    ids = photoset.recoded(photoset.parsing(SIZE), photoset.LIP)
    photoset.write_gray(data / "train_label/000002_0.png", ids)
    found = [f for f in check(data) if f.sample in ("000001_0", "000002_0")]
    assert [f.reason for f in found] == ["keypoints", "parsing_ids"]
    assert "times as large" in found[0].value
    assert "set prepare.parsing to lip" in found[1].value
