"""Changed photos are announced when they are complete, and each change once."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.logging import disable_run_logger

from flows import dvc, retrain, watch
from flows.process import CommandFailed

ANNOUNCED = f"announced a change of the photos: {watch.EVENT}"


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the events that went out."""
    names: list[str] = []
    monkeypatch.setattr(watch, "emit_event", lambda name, **_: names.append(name))
    return names


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos, and a DVC that finds them changed."""
    (tmp_path / "data/train").mkdir(parents=True)
    (tmp_path / "data/train/photo").write_text("1")
    (tmp_path / "data.dvc").touch()
    monkeypatch.setattr(dvc, "ROOT", tmp_path)
    monkeypatch.setattr(dvc, "ask", lambda *_, **__: json.dumps({"data.dvc": ["changed"]}))
    monkeypatch.setattr(watch.server, "stopped_since", lambda *_: False)
    return tmp_path


def test_a_change_is_announced_once(root: Path, events: list[str]) -> None:
    assert watch.look(quiet_seconds=0) == ANNOUNCED
    assert watch.look(quiet_seconds=0) == "the change was announced before"
    assert events == [watch.EVENT]


def test_where_the_retraining_was_stopped_the_change_is_announced_again_also_if_dvc_has_it(
    root: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    watch.look(quiet_seconds=0)
    asked: list[tuple[datetime, str]] = []
    monkeypatch.setattr(watch.server, "stopped_since", lambda *of: asked.append(of) or True)
    monkeypatch.setattr(dvc, "ask", lambda *_, **__: "{}")
    change = (root / watch.ANNOUNCED).read_text()
    assert "was stopped: it is announced again" in watch.look(quiet_seconds=0)
    assert events == [watch.EVENT, watch.EVENT]
    assert (root / watch.ANNOUNCED).read_text() == change
    [(since, flow)] = asked
    assert before < since < datetime.now(UTC) and flow == retrain.retrain.name


def test_a_change_whose_event_did_not_go_out_is_announced_by_the_next_look(
    root: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(watch, "emit_event", lost)
        with pytest.raises(ConnectionError):
            watch.look(quiet_seconds=0)
    assert watch.look(quiet_seconds=0) == ANNOUNCED
    assert events == [watch.EVENT]


def test_another_change_is_announced_again(root: Path, events: list[str]) -> None:
    watch.look(quiet_seconds=0)
    time.sleep(0.01)
    (root / "data/train/photo").write_text("2")
    assert watch.look(quiet_seconds=0) == ANNOUNCED
    (root / "data/train/photo").unlink()
    assert watch.look(quiet_seconds=0) == ANNOUNCED
    assert len(events) == 3


def test_a_change_that_keeps_size_and_date_is_another_one(root: Path, events: list[str]) -> None:
    photo = root / "data/train/photo"
    watch.look(quiet_seconds=0)
    date = photo.stat().st_mtime_ns
    time.sleep(0.01)
    photo.write_text("2")
    os.utime(photo, ns=(date, date))
    assert watch.look(quiet_seconds=0) == ANNOUNCED
    assert len(events) == 2


def test_photos_still_being_copied_wait_even_if_their_dates_are_old(
    root: Path, events: list[str]
) -> None:
    for path in ("data/train/photo", "data/train", "data"):
        os.utime(root / path, (0, 0))
    assert "may not be complete yet" in watch.look(quiet_seconds=60)
    assert events == []


def test_what_dvc_finds_unchanged_is_not_announced(
    root: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dvc, "ask", lambda *_, **__: "{}")
    assert watch.look(quiet_seconds=0) == "no photo has changed"
    assert events == []


def test_a_busy_dvc_is_no_failure_but_a_broken_one_is(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: str, **__: object) -> str:
        raise CommandFailed(["dvc"], 255, output)

    monkeypatch.setattr(dvc, "ask", ask)
    output = "ERROR: Unable to acquire lock"
    assert "busy" in watch.look(quiet_seconds=0)
    output = "ERROR: no such file"
    with pytest.raises(CommandFailed):
        watch.look(quiet_seconds=0)


def test_photos_without_versions_are_said_to_be_so(root: Path) -> None:
    (root / "data.dvc").unlink()
    assert "`dvc add data`" in watch.look(quiet_seconds=0)


def test_dvc_itself_sees_a_changed_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/photo").write_text("1")
    for words in (["init", "-q", "--no-scm"], ["add", "-q", "data"]):
        command = [sys.executable, "-m", "dvc", *words]
        subprocess.run(command, cwd=tmp_path, check=True, env=os.environ | dvc.environment())
    assert watch.look(quiet_seconds=0) == "no photo has changed"
    (tmp_path / "data/photo").write_text("2")
    assert "may not be complete yet" in watch.look(quiet_seconds=60)


def test_the_automation_waits_for_the_event_that_goes_out() -> None:
    entries: list[dict[str, Any]] = yaml.safe_load((dvc.ROOT / "prefect.yaml").read_text())[
        "deployments"
    ]
    [trigger] = [trigger for entry in entries for trigger in entry.get("triggers", [])]
    assert trigger["expect"] == [watch.EVENT]
    assert trigger["match"] == {"prefect.resource.id": watch.RESOURCE}


def test_a_look_is_the_runs_last_word(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(watch, "look", lambda seconds: asked.append(seconds) or "nothing new")
    with disable_run_logger():
        states = [watch.watch.fn(), watch.watch.fn(quiet_seconds=5)]
    assert asked == [60, 5]
    assert all(state.is_completed() and state.message == "nothing new" for state in states)


def test_dvc_lock_is_looked_after_before_a_look(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    monkeypatch.setattr(watch.lockfile, "mend", lambda root, _: done.append(root))
    monkeypatch.setattr(watch, "look", lambda _: done.append("look") or "nothing new")
    with disable_run_logger():
        watch.watch.fn()
    assert done == [root, "look"]


def test_a_change_is_told_with_what_it_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(watch, "emit_event", lambda name, **told: sent.append(told))
    watch.look(quiet_seconds=0)
    change, _ = watch.looks(root / "data")
    [told] = sent
    assert told["resource"] == {"prefect.resource.id": watch.RESOURCE}
    assert told["payload"] == {"change": change}
    assert json.loads((root / watch.ANNOUNCED).read_text()) == change
