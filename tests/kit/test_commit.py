"""The commit of the code, which provenance names: with a word if the code was not quite its own."""

import subprocess
from pathlib import Path

import pytest

from pfafn.kit import versions

WRITTEN = ("dvc.lock", "data.dvc", "params.yaml")


def git(folder: Path, *words: str) -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True, capture_output=True)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed file of the package in a repository of its own, with what DVC writes."""
    file = tmp_path / "package/code.py"
    file.parent.mkdir()
    for path in (file, *(tmp_path / name for name in (*WRITTEN, "dvc.yaml"))):
        path.write_text("1")
    for words in (["init"], ["add", "."], ["commit", "-m", "a"]):
        git(tmp_path, *words)
    monkeypatch.setattr(versions, "PACKAGE", file.parent)
    return file


def test_a_commit_whose_code_is_unchanged_stands_alone(code: Path) -> None:
    code.with_name("notes.txt").write_text("untracked")
    commit = versions.git_commit()
    assert commit and len(commit) == 40


@pytest.mark.parametrize(("name", "dirty"), [*((name, 0) for name in WRITTEN), ("dvc.yaml", 1)])
def test_what_dvc_writes_while_it_runs_is_no_change_of_code(
    code: Path, name: str, dirty: int
) -> None:
    (code.parents[1] / name).write_text("2")
    assert str(versions.git_commit()).endswith("+dirty") == dirty


@pytest.fixture
def foreign(code: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, as git sees it when another user owns it."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    return code


def test_a_clone_of_another_users_names_its_commit(
    foreign: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        git(foreign.parent, "status")
    assert len(versions.git_commit() or "") == 40
    assert not capsys.readouterr().err


def test_a_repository_that_git_will_not_read_is_told(
    code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (code.parents[1] / ".git/HEAD").write_text("nothing")
    assert versions.git_commit() is None
    assert "warning: provenance will name no commit of the code" in capsys.readouterr().err


@pytest.mark.parametrize("staged", [False, True])
def test_code_that_differs_from_its_commit_makes_it_dirty(code: Path, staged: bool) -> None:
    code.write_text("2")
    if staged:
        git(code.parent, "add", ".")
    assert str(versions.git_commit()).endswith("+dirty")


def test_outside_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "PACKAGE", tmp_path)
    assert versions.git_commit() is None
