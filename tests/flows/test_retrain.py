"""The flow does what `dvc repro` does, stage by stage, and says so when it did not."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger
from prefect.utilities.callables import parameter_schema

from flows import dvc as module
from flows.dvc import DATA, UnknownStage
from flows.process import CommandFailed
from flows.retrain import main, new_in, retrain, run_stages, stale_stages
from flows.tasks import NotUpToDate, StageRun, reproduce, verify, worth_a_retry
from pfafn.params.section import ParamsError

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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "data").mkdir()
    (root / "data/photo").write_text("1")
    dvc(root, "init", "-q", "--no-scm")
    dvc(root, "add", "-q", "data")
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with photos, two stages and `register`."""
    monkeypatch.setattr(module, "ROOT", tmp_path / "project")
    return shutil.copytree(made, module.ROOT)


def test_the_stages_and_their_order_are_dvcs(project: Path) -> None:
    assert module.stage_names() == ["first", "second", "register"]
    assert module.stage_names(["register", "first"]) == ["first", "register"]


def test_an_unknown_stage_is_named_with_those_there_are(project: Path) -> None:
    with pytest.raises(UnknownStage, match="no stage third; it has first, second, register"):
        module.stage_names(["first", "third"])


def test_a_worker_runs_in_its_own_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert module.enter() == {"directory": str(project)}
    assert Path.cwd() == project


def test_running_the_tasks_in_order_ends_where_dvc_repro_does(project: Path) -> None:
    (project / "data/photo").write_text("2")
    names = module.stage_names()
    with disable_run_logger():
        for stage in [DATA, *names]:
            reproduce.fn(stage, project, module.environment())
        verify.fn(names, project)
    assert (project / "second.txt").read_text() == "22"
    assert json.loads(dvc(project, "status", "--json")) == {"register": ["always changed"]}


def test_something_stale_after_the_run_is_an_error_that_lists_it(project: Path) -> None:
    with disable_run_logger(), pytest.raises(NotUpToDate, match="first"):
        verify.fn(["first"], project)


def test_what_dvc_runs_every_time_is_no_news(project: Path) -> None:
    outcomes = {"first": "ran", "second": "up to date", "third": "from cache", "register": "ran"}
    runs = [StageRun(stage, outcome, 1.0) for stage, outcome in outcomes.items()]
    assert new_in(runs) == ["first", "third"]


def test_a_stage_says_whether_it_ran_or_came_from_the_cache(project: Path) -> None:
    outcomes = []
    with disable_run_logger():
        for photo in ("1", "1", "2", "1"):
            (project / "data/photo").write_text(photo)
            outcomes.append(reproduce.fn("first", project, module.environment()).outcome)
    assert outcomes == ["ran", "up to date", "ran", "from cache"]


class Ended:
    """What Prefect hands to a retry condition."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def result(self, raise_on_failure: bool) -> Exception:
        return self.error


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (CommandFailed(["dvc"], 255, "ERROR: '/x' is busy, it is being blocked by:\n (7)"), True),
        (CommandFailed(["dvc"], -9, ""), True),
        (CommandFailed(["dvc"], 255, "failed to run: python -m x, exited with -9"), True),
        (CommandFailed(["dvc"], 255, "failed to run: python -m x, exited with 137"), True),
        (CommandFailed(["dvc"], 255, "failed to run: python -m x, exited with 1"), False),
        (CommandFailed(["dvc"], -15, ""), False),
        (TimeoutError("is busy, it is being blocked by"), False),
    ],
)
def test_only_a_held_lock_and_a_kill_are_worth_a_retry(error: Exception, again: bool) -> None:
    assert worth_a_retry(None, None, Ended(error)) is again


def test_a_stage_killed_from_outside_is_named_so_by_dvc(project: Path) -> None:
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(
        text.replace("cat data/photo >", "kill -9 $$; cat data/photo >")
    )
    with disable_run_logger(), pytest.raises(CommandFailed) as caught:
        reproduce.fn("first", project, module.environment())
    assert worth_a_retry(None, None, Ended(caught.value))


class Tasks:
    """In the place of `reproduce`: keeps what it is asked for, and tells what a stage did."""

    def __init__(self, outcomes: dict[str, str]) -> None:
        self.outcomes = outcomes
        self.options: dict[str, object] = {}
        self.asked: list[tuple[object, ...]] = []

    def with_options(self, **options: object) -> Callable[..., StageRun]:
        self.options = options
        return self.run

    def run(self, stage: str, project: Path, _: object, force: bool, clean: bool) -> StageRun:
        self.asked.append((stage, project, force, clean))
        return StageRun(stage, self.outcomes.get(stage, "up to date"), 0.0)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    made = Tasks({})
    monkeypatch.setattr("flows.retrain.reproduce", made)
    return made


def test_the_photos_own_stage_is_never_forced_and_runs_in_the_project(tasks: Tasks) -> None:
    copy = Path("copy")
    runs = list(run_stages([DATA, "first"], copy, {}, force=True, limit=60.0))
    assert [run.stage for run in runs] == [DATA, "first"]
    assert tasks.options == {"timeout_seconds": 60.0}
    assert tasks.asked == [(DATA, module.ROOT, False, False), ("first", copy, True, False)]


@pytest.mark.parametrize("outcome", ["ran", "from cache"])
def test_dvc_is_asked_once_until_a_stage_has_written_something(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    tasks.outcomes["second"] = outcome
    monkeypatch.setattr("flows.dvc.status", lambda _: {"second": ["changed"]})
    list(run_stages(["first", "second", "third"], module.ROOT, {}, force=False, limit=None))
    assert [clean for *_, clean in tasks.asked] == [True, False, False]


def test_in_a_copy_every_stage_asks_for_itself(tasks: Tasks) -> None:
    list(run_stages(["first"], Path("copy"), {}, force=False, limit=None))
    assert tasks.asked == [("first", Path("copy"), False, False)]


def test_while_dvc_is_busy_every_stage_asks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: object) -> None:
        raise CommandFailed(["dvc"], 255, "Unable to acquire lock")

    monkeypatch.setattr("flows.dvc.status", busy)
    assert stale_stages(["first", "second"]) == {"first", "second"}


def test_the_command_line_says_what_the_form_does(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[object, ...]] = []
    monkeypatch.setattr("flows.retrain.retrain", lambda *given: called.append(given))
    monkeypatch.setattr("flows.retrain.signal.signal", lambda *_: None)
    words = "evaluate --profile smoke --set seed=3 --force --no-promote --stage-timeout-hours 2"
    monkeypatch.setattr(sys, "argv", ["retrain", *words.split()])
    main()
    assert called == [("smoke", ["seed=3"], ["evaluate"], True, False, 2.0)]


def test_the_command_line_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ParamsError("seed=high: not a number")

    monkeypatch.setattr("flows.retrain.retrain", refuse)
    monkeypatch.setattr("flows.retrain.signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["retrain", "--set", "seed=high"])
    with pytest.raises(SystemExit, match="error: seed=high: not a number"):
        main()


def test_the_form_describes_every_parameter() -> None:
    schema = parameter_schema(retrain).properties
    assert all(field.get("description") for field in schema.values())
    assert schema["profile"]["enum"] == ["params.yaml", "smoke", "paper", "hd"]
    assert schema["promote"]["default"] is True


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
