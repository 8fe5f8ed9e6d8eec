"""A name in a pairs file, and the file it means."""

from pathlib import Path

import pytest

from pfafn.inference.names import inside, named


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("x.jpg", "x.jpg"),
        ("g/x.jpg", "x.jpg"),
        ("shop/g/x.jpg", "x.jpg"),
        ("other/g/x.jpg", "other/g/x.jpg"),
        ("shop/x.jpg", "shop/x.jpg"),
        ("g/g/x.jpg", "g/g/x.jpg"),
        ("more/x.jpg", "more/x.jpg"),
    ],
)
def test_a_name_may_begin_with_the_folders_it_lies_in(
    tmp_path: Path, name: str, within: str
) -> None:
    assert inside(tmp_path / "shop/g", name) == within


def test_a_folder_of_the_same_name_inside_comes_before_the_folder_itself(tmp_path: Path) -> None:
    touched(tmp_path / "g", "g/x.jpg", "y.jpg")
    assert inside(tmp_path / "g", "g/x.jpg") == "g/x.jpg"
    assert inside(tmp_path / "g", "g/y.jpg") == "y.jpg"


def test_a_whole_path_is_within_a_folder_that_is_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert inside(Path("g"), str(tmp_path / "g/more/x.jpg")) == "more/x.jpg"


def test_a_file_that_came_later_is_found_and_one_that_is_no_picture_only_by_its_name(
    tmp_path: Path,
) -> None:
    touched(tmp_path, "a.txt")
    assert named(tmp_path, "a") == tmp_path / "a"
    assert named(tmp_path, "A.TXT") == tmp_path / "a.txt"
    touched(tmp_path, "a.jpg")
    assert named(tmp_path, "a") == tmp_path / "a.jpg"


def test_letters_that_fold_to_several_are_alike(tmp_path: Path) -> None:
    touched(tmp_path, "STRASSE.jpg")
    assert named(tmp_path, "stra\u00dfe.jpg") == tmp_path / "STRASSE.jpg"
