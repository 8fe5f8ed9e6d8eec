"""A file that has its name is whole, and on the disk."""

import hashlib
import os
from pathlib import Path

import pytest

from pfafn.kit.files import file_hash, whole, write_json, write_text


def test_a_file_gets_its_name_once_its_content_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    flush, rename = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: steps.append("flushed") or flush(file))
    monkeypatch.setattr(Path, "replace", lambda *names: steps.append("named") or rename(*names))
    write_text(tmp_path / "metrics.json", "{}")
    assert steps == ["flushed", "named"]


def test_a_file_is_as_it_was_until_its_new_content_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole(path) as scratch:
        scratch.write_text("half")
        assert path.read_text() == "old"
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_equal_json_is_equal_bytes(tmp_path: Path) -> None:
    for name, content in (("a", {"x": 1, "y": [2.5]}), ("b", {"y": [2.5], "x": 1})):
        write_json(tmp_path / name, content)
    assert (tmp_path / "a").read_text() == '{\n  "x": 1,\n  "y": [\n    2.5\n  ]\n}\n'
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_folder_is_hashed_with_the_paths_of_all_its_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "z").write_text("2")
    (tmp_path / "a").write_text("1")
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"1", b"2"))
    lines = f"a:{one}\nb/c/z:{two}\n"
    assert file_hash(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()
    assert file_hash(tmp_path / "a") == one


def test_a_link_that_leads_to_itself_is_no_file_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    before = file_hash(tmp_path)
    (tmp_path / "b").symlink_to("b")
    assert file_hash(tmp_path) == before
    (tmp_path / "c").symlink_to("a")
    assert file_hash(tmp_path) != before
