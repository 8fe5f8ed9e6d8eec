"""A note of the last mirroring holds until something it was made of changes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pfafn.chronicle.standing import Outcome
from pfafn.registry.stamp import Stamp


def filled(folder: Path) -> Path:
    """A project in which one stage has run."""
    (folder / "artifacts/fakes").mkdir(parents=True)
    (folder / "dvc.lock").write_text("stages: {fakes: {cmd: x}}")
    for name in ("params.yaml", "artifacts/fakes/metrics.json"):
        (folder / name).write_text("1")
    return folder


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stamp:
    """Of a copy of the project, which has a version."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root, copy = (filled(tmp_path / name) for name in ("root", "copy"))
    (root / "mlflow.db").touch()
    (root / "mlartifacts/models/m-1").mkdir(parents=True)
    made = Stamp(root, copy)
    made.write(Outcome("2", "1", "1", "it is worse", True, ["lost"]))
    return made


def test_what_was_found_then_is_what_there_is_unchanged(note: Stamp) -> None:
    assert note.read() == Outcome("2", "1", "1", "it is worse", False, ["lost"])


def later(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


def longer(path: Path) -> None:
    stat = path.stat()
    path.write_text("22")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES: dict[str, Callable[[Stamp], object]] = {
    "an artifact of the same size": lambda n: later(n.workspace / "artifacts/fakes/metrics.json"),
    "an artifact of the same time": lambda n: longer(n.workspace / "artifacts/fakes/metrics.json"),
    "one artifact more": lambda n: (n.workspace / "artifacts/fakes/curve.csv").touch(),
    "the params": lambda n: later(n.workspace / "params.yaml"),
    "dvc.lock": lambda n: (n.workspace / "dvc.lock").write_text("stages: {fakes: {cmd: y}}"),
    "the database": lambda n: later(n.root / "mlflow.db"),
    "its log": lambda n: (n.root / "mlflow.db-wal").touch(),
    "a version's files": lambda n: (n.root / "mlartifacts/models/m-1").rmdir(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_holds_no_longer_once_anything_has_changed(note: Stamp, what: str) -> None:
    CHANGES[what](note)
    assert note.read() is None


@pytest.mark.parametrize("name", ["artifacts/fakes/metrics.json", "params.yaml"])
def test_of_a_copy_the_projects_own_artifacts_and_params_are_no_part(
    note: Stamp, name: str
) -> None:
    longer(note.root / name)
    assert note.read() is not None


def test_dvc_may_write_its_lock_anew_with_the_same_in_it(note: Stamp) -> None:
    later(note.workspace / "dvc.lock")
    assert note.read() is not None


def test_it_is_of_one_copy_alone(note: Stamp) -> None:
    assert Stamp(note.root, note.root).read() is None


@pytest.mark.parametrize("content", ["", "{", "{}", '["state"]', '{"state": 1, "winner": "2"}'])
def test_a_note_that_is_damaged_or_of_other_code_is_none(note: Stamp, content: str) -> None:
    note.path.write_text(content)
    assert note.read() is None
