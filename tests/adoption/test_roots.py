"""Where a data set begins in what was downloaded, and what of it is which split."""

from pathlib import Path, PurePosixPath

import pytest
from sources import touched

from pfafn.adoption import roots
from pfafn.adoption.adopt import AdoptError
from pfafn.data.layouts import VITON, VITON_HD

Patch = pytest.MonkeyPatch


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("my_train.zip", "my_test.zip"), ["train", "test"]),
        (("my_train.zip", "more_train.zip"), ["", ""]),
        (("my_train.zip", "my_test.zip", "masks.zip"), ["", "", ""]),
        (("test of mine.zip",), [""]),
    ],
)
def test_sources_are_splits_by_words_of_their_names_only_if_all_are(
    names: tuple[str, ...], splits: list[str]
) -> None:
    assert roots.told_splits([Path(name) for name in names]) == splits


def test_a_source_that_is_called_as_a_split_is_of_no_other(tmp_path: Path) -> None:
    root = touched(tmp_path / "Train", "image/1.jpg", "cloth/1.jpg")
    assert roots.plan(root, VITON_HD, "test").split == "train"


def test_the_folder_one_stands_in_may_be_a_split(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(touched(tmp_path / "Test", "image/1.jpg", "cloth/1.jpg"))
    assert roots.plan(Path(), VITON_HD).split == "test"


def test_a_pairs_file_lies_in_the_root_and_not_in_a_split(tmp_path: Path) -> None:
    root = touched(tmp_path / "test", "image/1.jpg", "cloth/1.jpg", "test_pairs.txt")
    found = roots.plan(root, VITON_HD)
    assert found.target(VITON_HD, PurePosixPath("image/1.jpg")) == Path("test/image/1.jpg")
    assert found.target(VITON_HD, PurePosixPath("test_pairs.txt")) == Path("test_pairs.txt")


def test_pairs_files_alone_are_a_source_if_nothing_is_above_them(tmp_path: Path) -> None:
    assert roots.plan(touched(tmp_path / "a", "test_pairs.txt"), VITON).root == PurePosixPath()
    with pytest.raises(AdoptError, match="nothing of layout viton"):
        roots.plan(touched(tmp_path / "b", "notes/more.txt"), VITON)


def test_however_it_is_spelt_the_data_sets_own_pairs_file_comes_first(tmp_path: Path) -> None:
    root = touched(tmp_path, "VITON/train_img/1_0.jpg", "VITON/Test-Pairs.txt", "test_pairs.txt")
    assert roots.plan(root, VITON).beside == frozenset()


def test_a_pairs_file_may_lie_any_number_of_folders_above(tmp_path: Path) -> None:
    touched(tmp_path, "a/b/train_img/1_0.jpg", "test_pairs.txt", "a/train_pairs.txt")
    assert roots.plan(tmp_path, VITON).beside == {PurePosixPath("test_pairs.txt")}


def test_a_layout_is_looked_for_four_folders_deep(tmp_path: Path) -> None:
    touched(tmp_path / "near", "a/b/c/train_img/1_0.jpg")
    touched(tmp_path / "far", "a/b/c/d/train_img/1_0.jpg")
    assert roots.plan(tmp_path / "near", VITON).root == PurePosixPath("a/b/c")
    with pytest.raises(AdoptError, match=r"nothing of layout viton in it; it has \['a'\]"):
        roots.plan(tmp_path / "far", VITON)


def test_a_shallow_layout_comes_before_a_deep_one(tmp_path: Path) -> None:
    touched(tmp_path, "z/train_img/1_0.jpg", "a/b/image/1.jpg", "a/b/cloth/1.jpg")
    assert roots.tell([tmp_path]) is VITON


def test_a_whole_data_set_comes_before_single_files_above_it(tmp_path: Path) -> None:
    touched(tmp_path, "image/1.jpg", "real/image/1.jpg", "real/cloth/1.jpg")
    assert roots.plan(tmp_path, VITON_HD).root == PurePosixPath("real")


def test_what_no_source_has_is_told_of_all_of_them(tmp_path: Path) -> None:
    touched(tmp_path / "one", "cats/1.jpg")
    touched(tmp_path / "two", "dogs/1.jpg", "VITON.ZIP")
    with pytest.raises(AdoptError, match=r"'cats'.*'dogs'.*archives \(VITON.ZIP\)"):
        roots.tell([tmp_path / "one", tmp_path / "two"])
