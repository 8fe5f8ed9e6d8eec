"""Folders are found by what their names mean, not by how they are written."""

from pathlib import Path

import pytest

from pfafn.kit.spelling import Place, below, spelt, split_in


@pytest.mark.parametrize(
    "name",
    [
        "train/cloth-mask",
        "Train/Cloth_Mask",
        "TRAINING/cloth mask",
        "train/ClothMask",
        "Train_Set/cloth_masks",
        "train data/Cloth Mask",
        "trainset/cloth-mask ",
        "Trainings/cloth-mask",
    ],
)
def test_spellings_of_one_name_are_one(name: str) -> None:
    assert spelt(name) == spelt("train/cloth-mask")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("train", "test"),
        ("image", "img"),
        ("trainer", "train"),
        ("testsetup", "test"),
        ("cloth/mask", "cloth-mask"),
    ],
)
def test_other_names_stay_other_names(one: str, other: str) -> None:
    assert spelt(one) != spelt(other)


def test_the_split_in_a_name_may_be_written_out() -> None:
    assert spelt("Training_IMG") == spelt("train_img")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("VITON_Train.zip", "train"),
        ("viton-test-208.tar.gz", "test"),
        ("TestSet", "test"),
        ("train_and_test.zip", ""),
        ("latest.zip", ""),
    ],
)
def test_the_split_that_a_longer_name_says_is_a_word_of_it(name: str, split: str) -> None:
    assert split_in(name) == split


def test_a_letter_and_its_accent_are_one_letter() -> None:
    assert spelt("e\u0301te") == spelt("\u00e9te")


def test_every_folder_that_is_meant_is_found(tmp_path: Path) -> None:
    for name in ("train/cloth-mask", "Train/cloth_mask", "train/.cloth-mask", "test"):
        (tmp_path / name).mkdir(parents=True)
    place = Place(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in place.folders("train/cloth-mask")]
    assert found == ["Train/cloth_mask", "train/cloth-mask"]
    assert place.folder("test/cloth") == tmp_path / "test/cloth"


def test_a_link_that_leads_to_itself_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    assert below(tmp_path) == [tmp_path / "train"]
