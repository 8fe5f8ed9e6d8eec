"""The flow does what `dvc repro` does, stage by stage, and says so when it did not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from flows import dvc as module
from flows.dvc import DATA, UnknownStage
from flows.process import CommandFailed
from flows.retrain import NotUpToDate, is_contention, reproduce, verify

DVC_YAML = """
stages:
  first:
    cmd: cat data/photo > first.txt
    deps: [data]
    outs: [first.txt]
  second:
    cmd: cat first.txt first.txt > second.txt
    deps: [first.txt]
    outs: [second.txt]
  register:
    cmd: echo "registered for $PFAFN_FLOW_RUN_ID"
    deps: [second.txt]
    always_changed: true
"""


def dvc(root: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=root,
        env=os.environ | {"DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with photos, two stages and `register`."""
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/photo").write_text("1")
    dvc(tmp_path, "init", "-q", "--no-scm")
    dvc(tmp_path, "add", "-q", "data")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


def test_the_stages_and_their_order_are_dvcs(project: Path) -> None:
    assert module.stage_names() == ["first", "second", "register"]
    assert module.stage_names(["register", "first"]) == ["first", "register"]


def test_an_unknown_stage_is_named_with_those_there_are(project: Path) -> None:
    with pytest.raises(UnknownStage, match="no stage third; it has first, second, register"):
        module.stage_names(["first", "third"])


def test_running_the_tasks_in_order_ends_where_dvc_repro_does(project: Path) -> None:
    (project / "data/photo").write_text("2")
    names = module.stage_names()
    with disable_run_logger():
        for stage in [DATA, *names]:
            reproduce.fn(stage)
        verify.fn(names)
    assert (project / "second.txt").read_text() == "22"
    assert json.loads(dvc(project, "status", "--json")) == {"register": ["always changed"]}


def test_something_stale_after_the_run_is_an_error_that_lists_it(project: Path) -> None:
    with disable_run_logger(), pytest.raises(NotUpToDate, match="first"):
        verify.fn(["first"])


def test_only_a_lock_held_by_another_dvc_is_worth_a_retry() -> None:
    class Ended:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def result(self, raise_on_failure: bool) -> Exception:
            return self.error

    busy = CommandFailed(["dvc"], 255, "ERROR: '/x' is busy, it is being blocked by:\n (PID 7)")
    broken = CommandFailed(["dvc"], 255, "error: no photos")
    assert is_contention(None, None, Ended(busy))
    assert not is_contention(None, None, Ended(broken))
    assert not is_contention(None, None, Ended(ValueError("busy")))


@pytest.mark.slow
def test_the_whole_flow_runs_without_a_server_of_its_own(project: Path) -> None:
    root = Path(module.__file__).parents[1]
    shutil.copytree(root / "flows", project / "flows")
    shutil.copy(root / "prefect.toml", project)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.retrain"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    assert (project / "second.txt").read_text() == "11"
    assert "registered for " in log
    assert "Completed" in log
    assert (project / ".work/prefect").is_dir()
