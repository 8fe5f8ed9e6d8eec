"""The commit of the code, which provenance names: with a word if the code was not quite its own."""

import subprocess
from pathlib import Path

import pytest

from pfafn.kit import versions


def git(folder: Path, *words: str) -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True, capture_output=True)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed file of the package in a repository of its own."""
    file = tmp_path / "code.py"
    file.write_text("1")
    for words in (["init"], ["add", "code.py"], ["commit", "-m", "a"]):
        git(tmp_path, *words)
    monkeypatch.setattr(versions, "PACKAGE", tmp_path)
    return file


def test_a_commit_whose_code_is_unchanged_stands_alone(code: Path) -> None:
    code.with_name("notes.txt").write_text("untracked")
    commit = versions.git_commit()
    assert commit and len(commit) == 40


@pytest.mark.parametrize("staged", [False, True])
def test_code_that_differs_from_its_commit_makes_it_dirty(code: Path, staged: bool) -> None:
    code.write_text("2")
    if staged:
        git(code.parent, "add", "code.py")
    assert str(versions.git_commit()).endswith("+dirty")


def test_outside_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "PACKAGE", tmp_path)
    assert versions.git_commit() is None
