"""What one retraining hands on: to its stages, to who waits for it, and to the UI."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.logging import disable_run_logger

from flows import dvc, lockfile, retrain, server, tasks
from flows.dvc import DATA, UnknownStage
from flows.process import CommandFailed
from flows.tasks import NotUpToDate, StageRun
from pfafn.kit.lock import HOLDER, Held, Holder
from pfafn.registry.store import PROMOTE

LOST = Holder("lost-token", 7, "retrain 'red-fox'", "2026", 5)
COPY = Path("copy")


class Seen(dict[str, Any]):
    """What was called, by name, with what."""

    def note(self, name: str, result: object = None) -> Any:
        def noted(*given: object, **named: object) -> object:
            self.setdefault(name, []).append((*given, *named.values()))
            return result

        return noted


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """A retraining of two stages, of which nothing is done but noted; one ran."""
    seen = Seen()

    @contextlib.contextmanager
    def exclusive(path: Path, who: str, wait: object) -> Iterator[Held]:
        seen["lock"] = path
        yield Held("my-token", seen.get("lost"))

    monkeypatch.setattr(dvc, "ROOT", tmp_path)
    monkeypatch.setattr(dvc, "stage_names", seen.note("stages", ["first", "second"]))
    monkeypatch.setattr(dvc, "copy", seen.note("copy", COPY))
    monkeypatch.setattr(dvc, "always_changed", lambda: {"register"})
    monkeypatch.setattr(retrain, "exclusive", exclusive)
    monkeypatch.setattr(retrain, "stop_marked", seen.note("stopped", [3]))
    monkeypatch.setattr(retrain, "others", seen.note("others", None))
    with disable_run_logger():
        yield seen


@pytest.fixture
def work(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> Seen:
    monkeypatch.setattr(retrain, "bring_up_to_date", seen.note("work", (["first"], "")))
    return seen


def test_a_plain_run_is_of_the_project_itself(work: Seen, tmp_path: Path) -> None:
    retrain.retrain.fn()
    [(chosen, project, environment, force, limit)] = work["work"]
    assert (chosen, project, force, limit) == (["first", "second"], tmp_path, False, None)
    told = {HOLDER: "my-token", "DVC_ROOT": str(tmp_path), "PFAFN_FLOW_RUN_ID": ""}
    assert environment.items() >= told.items()
    assert work["lock"] == tmp_path / ".work/retrain.lock"
    assert "copy" not in work and "stopped" not in work


@pytest.mark.parametrize(("promote", "told"), [(True, "yes"), (False, "no")])
def test_register_is_told_whether_to_promote(work: Seen, promote: bool, told: str) -> None:
    retrain.retrain.fn(promote=promote)
    assert work["work"][0][2][PROMOTE] == told


def test_stages_force_and_limit_are_handed_on(work: Seen) -> None:
    retrain.retrain.fn(stages=["second"], force=True, stage_timeout_hours=1.5)
    assert work["stages"] == [(["second"],)]
    assert work["work"][0][3:] == (True, 5400.0)


def test_other_params_run_in_a_copy_that_registers_in_the_project(
    work: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain, "others", work.note("others", "seed: 3"))
    retrain.retrain.fn("smoke", ["seed=3"])
    assert work["others"] == [(tmp_path, "smoke", ["seed=3"])]
    assert work["copy"] == [("seed: 3",)]
    _, project, environment, *_ = work["work"][0]
    assert (project, environment["DVC_ROOT"]) == (COPY, str(tmp_path))


def test_dvc_lock_is_looked_after_before_dvc_is_asked_and_before_each_stage(
    work: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mend(root: Path, log: object) -> None:
        work.setdefault("mended", []).append((root, "stages" in work, "lock" in work))

    monkeypatch.setattr(lockfile, "mend", mend)
    monkeypatch.setattr(
        tasks, "run_logged", lambda *_, **__: work.setdefault("ran", work["mended"])
    )
    retrain.retrain.fn()
    assert work["mended"] == [(tmp_path, False, False), (tmp_path, True, True)]
    tasks.reproduce.fn("first", COPY, {})
    assert work["ran"][2:] == [(COPY, True, True)]


def test_what_a_lost_retraining_left_is_stopped_first(work: Seen) -> None:
    work["lost"] = LOST
    retrain.retrain.fn()
    assert work["stopped"] == [(HOLDER, "lost-token")]


@pytest.mark.parametrize(
    ("news", "decided", "said"),
    [
        (["first", "second"], "", "new: first, second"),
        (["evaluate"], "version 2 is champion", "new: evaluate; version 2 is champion"),
        ([], "", "nothing had changed"),
    ],
)
def test_a_run_ends_with_what_is_new_and_what_was_decided(
    work: Seen, monkeypatch: pytest.MonkeyPatch, news: list[str], decided: str, said: str
) -> None:
    monkeypatch.setattr(retrain, "bring_up_to_date", lambda *_: (news, decided))
    state = retrain.retrain.fn()
    assert state.is_completed() and state.message == said


def bring(seen: Seen, monkeypatch: pytest.MonkeyPatch, *outcomes: str, stale: bool = False) -> Any:
    """The news of a run of two stages, the second of which fails without an outcome."""

    def run(wanted: list[str], *_: object) -> Iterator[StageRun]:
        seen["wanted"] = wanted
        for stage, outcome in zip(wanted, outcomes, strict=False):
            yield StageRun(stage, outcome, 1.0)
        if len(outcomes) < len(wanted):
            raise CommandFailed(["dvc"], 1, "no memory")

    def verify(*given: object) -> None:
        seen.note("verified")(*given)
        if stale:
            raise NotUpToDate("stale after the run")

    monkeypatch.setattr(retrain, "run_stages", run)
    monkeypatch.setattr(retrain, "verify", verify)
    monkeypatch.setattr(retrain, "show_stages", seen.note("table"))
    monkeypatch.setattr(retrain, "show_result", seen.note("result", "decided"))
    return retrain.bring_up_to_date(["first", "second"], COPY, {}, False, None)


def test_news_are_verified_and_shown(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert bring(seen, monkeypatch, "up to date", "ran") == (["second"], "decided")
    assert seen["wanted"] == ["first", "second"]
    assert seen["verified"] == [(["first", "second"], COPY)]
    [(runs, wanted)] = seen["table"]
    assert ([run.outcome for run in runs], wanted) == (["up to date", "ran"], seen["wanted"])
    assert seen["result"] == [(COPY, tmp_path)]


def test_versioned_photos_are_the_first_of_the_stages(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / DATA).touch()
    assert bring(seen, monkeypatch, "ran", "up to date", "up to date") == ([DATA], "decided")
    assert seen["wanted"] == [DATA, "first", "second"]
    assert seen["verified"] == [(["first", "second"], COPY)]


def test_where_nothing_is_new_nothing_is_verified_or_shown_but_the_table(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bring(seen, monkeypatch, "up to date", "up to date") == ([], "")
    assert "table" in seen and not {"verified", "result"} & set(seen)


@pytest.mark.parametrize(("outcomes", "stale"), [(["ran"], False), (["ran", "ran"], True)])
def test_a_run_that_fails_shows_its_table_and_no_result(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, outcomes: list[str], stale: bool
) -> None:
    with pytest.raises((CommandFailed, NotUpToDate)):
        bring(seen, monkeypatch, *outcomes, stale=stale)
    assert len(seen["table"]) == 1 and "result" not in seen


def test_a_stage_is_tried_four_times_and_its_result_is_dvcs_to_keep() -> None:
    task = tasks.reproduce
    assert (task.retries, task.retry_delay_seconds) == (3, [5, 20, 60])
    assert task.retry_condition_fn is tasks.worth_a_retry
    for cached in (task, tasks.verify):
        assert (cached.cache_policy, cached.persist_result) == (NO_CACHE, False)


def test_a_stage_that_dvc_found_clean_starts_no_process(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "run_logged", pytest.fail)
    run = tasks.reproduce.fn("first", COPY, {}, clean=True)
    assert run == StageRun("first", "up to date", 0.0)


@pytest.mark.parametrize("force", [False, True])
def test_a_stage_alone_is_run_where_it_is_wanted(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    monkeypatch.setattr(tasks, "run_logged", seen.note("ran"))
    tasks.reproduce.fn("first", COPY, {"A": "1"}, force)
    [(command, _, project, environment, unwanted)] = seen["ran"]
    words = ["repro", "--single-item", *(["--force"] if force else []), "first"]
    assert command == [*dvc.DVC, *words]
    assert (project, environment) == (COPY, {"A": "1"})
    assert unwanted is server.suspended


def test_a_dvc_that_is_broken_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise CommandFailed(["dvc"], 255, "no such file")

    monkeypatch.setattr(dvc, "status", broken)
    with pytest.raises(CommandFailed):
        retrain.stale_stages(["first"])


def test_an_unknown_stage_ends_the_command_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UnknownStage("dvc.yaml has no stage third")

    monkeypatch.setattr(retrain, "retrain", refuse)
    monkeypatch.setattr(retrain.signal, "signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["retrain", "third"])
    with pytest.raises(SystemExit, match="error: dvc.yaml has no stage third"):
        retrain.main()


def test_children_find_this_python_first_and_send_nothing_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    told = dvc.environment()
    assert told["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/usr/bin"
    assert told["DVC_NO_ANALYTICS"] == "1"
