"""The same picture twice, and pictures in both splits."""

from unittest.mock import Mock

import cv2
import photoset
from prepared import copy, manifest, reasons, report, run

from pfafn.data.check import Garment, Person, Review
from pfafn.data.findings import Report
from pfafn.photos import images
from pfafn.stages import prepare


def test_the_same_picture_twice_is_taken_once(data):
    copy(data, "train_img/000000_0.jpg", "train_img/000002_0.jpg")
    out = run(data)
    assert reasons(out) == {"train_img/000002_0.jpg": "duplicate"}
    assert report(out)["rejects"][0]["value"] == "train_img/000000_0.jpg"


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


def test_what_was_found_is_counted_by_its_kind(tmp_path):
    data = photoset.viton(tmp_path / "data", train=6, test=3)
    (data / "train_edge/000001_1.jpg").unlink()
    copy(data, "test_color/000101_1.jpg", "train_color/000002_1.jpg")
    copy(data, "test_img/000101_0.jpg", "train_img/000003_0.jpg")
    copy(data, "train_img/000000_0.jpg", "train_img/000004_0.jpg")
    (data / "train_img/000005_0.jpg").write_bytes(b"")
    told = report(run(data))
    assert told["counts"] == {
        "persons_train": 3, "persons_test": 3, "persons_without_garment": 0,
        "garments": 6, "garments_train": 3, "garments_test": 3, "masks_estimated": 1,
        "beyond_limit": 0, "rejected": 3, "rejected_fraction": 0.333333,
        "damaged_fraction": 0.111111, "duplicates": 1, "leaks": 1, "garment_leaks": 1,
    }  # fmt: skip
    assert told["reasons"] == {"undecodable": 1, "duplicate": 1, "leak": 1, "garment_leak": 1}
    assert [note["reason"] for note in told["notes"]] == ["garment_leak"]


def test_a_test_person_without_a_garment_of_her_own_is_counted():
    """As in pairs files that name people and garments apart."""
    own, none = (Person(Mock(garment=name), Report(())) for name in ("shirt", None))
    reviewed = Review(Mock(), examined=4)
    reviewed.persons |= {"train": [own], "test": [own, none, none]}
    reviewed.garments["train"]["shirt"] = Garment(Mock(), Report(()))
    assert prepare._metrics(reviewed)["persons_without_garment"] == 2
