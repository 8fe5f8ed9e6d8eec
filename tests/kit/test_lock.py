"""One retraining at a time: who holds the lock is named, its children pass, its death frees it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pfafn.kit import lock
from pfafn.kit.lock import LockedError, exclusive, shared
from pfafn.params.file import Params
from pfafn.stages.entry import main

HOLD = """
import pathlib, sys, time
from pfafn.kit import lock
with getattr(lock, sys.argv[1])(pathlib.Path(sys.argv[2]), *sys.argv[3:]) as held:
    print(getattr(held, "token", "shared"), flush=True)
    time.sleep(60)
"""


@contextmanager
def another(kind: str, path: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Another process that holds the lock: its token, and the process."""
    command = [sys.executable, "-c", HOLD, kind, str(path), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".work/retrain.lock"


@pytest.mark.parametrize("of", ["", "of another retraining"])
def test_a_stage_beside_a_retraining_stops_and_names_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    monkeypatch.setenv(lock.HOLDER, of)
    with another("exclusive", path, "retrain 'red-fox'", "x") as (_, process):
        words = rf"going on \(retrain 'red-fox', process {process.pid}, since 20.*dvc checkout"
        with pytest.raises(LockedError, match=words), shared(path):
            pytest.fail("went on beside a retraining")


def test_a_retraining_that_has_not_said_its_name_yet_keeps_stages_away_too(path: Path) -> None:
    with another("exclusive", path, "retrain", "x"):
        path.write_text("")
        with pytest.raises(LockedError, match="going on .just started."), shared(path):
            pytest.fail("went on beside a retraining")


def test_a_stage_of_the_retraining_passes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with another("exclusive", path, "retrain", "x") as (token, _):
        monkeypatch.setenv(lock.HOLDER, token)
        with shared(path):
            pass


def test_a_killed_holder_frees_the_lock_and_is_known_to_the_next(path: Path) -> None:
    with another("exclusive", path, "retrain 'red-fox'", "x") as (token, process):
        process.kill()
        process.wait()
        with exclusive(path, "next", pytest.fail) as held:
            assert held.lost and (held.lost.token, held.lost.who) == (token, "retrain 'red-fox'")


def test_whoever_a_copy_of_the_lock_names_is_not_lost(path: Path) -> None:
    copy = path.with_name("copy.lock")
    with another("exclusive", path, "retrain 'red-fox'", "x"):
        shutil.copy(path, copy)
        with exclusive(copy, "next", pytest.fail) as held:
            assert held.lost is None


def test_who_gives_the_lock_back_leaves_no_trace(path: Path) -> None:
    with exclusive(path, "first", pytest.fail):
        pass
    with exclusive(path, "second", pytest.fail) as held:
        assert held.lost is None


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        ("exclusive", ["retrain 'red-fox'", "x"], "retrain 'red-fox', process"),
        ("shared", [], "a stage that was started by hand"),
    ],
)
def test_a_retraining_says_once_whom_it_waits_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, arguments: list[str], told: str
) -> None:
    monkeypatch.setattr(lock, "POLL", 0.01)
    said: list[str] = []
    with another(kind, path, *arguments) as (_, process):
        monkeypatch.setattr(lock.time, "sleep", lambda _: (process.kill(), process.wait()))
        with exclusive(path, "next", said.append):
            pass
    assert len(said) == 1
    assert said[0].startswith(told)


def test_two_stages_by_hand_do_not_disturb_each_other(path: Path) -> None:
    with another("shared", path), shared(path):
        pass


def test_a_stage_looks_at_the_lock_before_it_does_anything(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object) -> None:
        pytest.fail("ran beside a retraining")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Params, "load", classmethod(run))
    refused = pytest.raises(SystemExit, match="error: .*a retraining is going on")
    with another("exclusive", path, "retrain", "x"), refused:
        main(run)


@pytest.mark.parametrize("content", [b"{", b"\xff\x00", b"[1]", b'{"token": 1}'])
def test_a_damaged_lock_file_hinders_nobody(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with shared(path):
        pass
    with exclusive(path, "retrain", pytest.fail) as held:
        assert held.lost is None


def test_outside_a_project_a_stage_stops_and_says_where_to_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"params.yaml: no such file; run in the project's root"):
        main(lambda params, artifacts: None)
    assert not (tmp_path / "artifacts").exists()
