"""Small parts of the registry by known answers, without a store."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pfafn.chronicle import cache, record
from pfafn.chronicle.decisions import DECISION, FORMAT, RETRAINING, Decisions
from pfafn.chronicle.history import History
from pfafn.chronicle.record import RecordError, Retraining, Stage
from pfafn.chronicle.standing import Outcome, decision
from pfafn.evaluation import again
from pfafn.registry import aliases, reevaluate, versions
from pfafn.registry.store import RegistryError, local_path

Patch = pytest.MonkeyPatch
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
SECOND = Outcome(student="2", tutor="1", champion="1", reason="it is worse")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (SECOND, "registry updated: pfafn-student version 2, champion is version 1 (it is worse)"),
        (
            SECOND._replace(changed=False, champion="", reason=""),
            "registry up to date: pfafn-student version 2, no champion",
        ),
        (SECOND._replace(student=""), "registry: no student yet"),
        (
            SECOND._replace(student="", problems=["a is gone", "b is gone"]),
            "registry: no student yet\nnot whole: a is gone; b is gone",
        ),
    ],
)
def test_what_came_of_a_sync_is_said(outcome: Outcome, said: str) -> None:
    assert str(outcome) == said


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (None, "not known; `pfafn registry sync` makes the registry agree with these files"),
        (SECOND._replace(student=""), "there is no student yet"),
        (SECOND, "pfafn-student version 2 is not the champion: it is worse"),
        (
            SECOND._replace(champion="2", reason=""),
            "pfafn-student version 2 is champion",
        ),
    ],
)
def test_what_became_of_a_student_is_said(outcome: Outcome | None, said: str) -> None:
    assert decision(outcome) == said


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b%20c", "/a/b c"),
        ("/a/b", "/a/b"),
        ("s3://bucket/a", None),
        ("http://host/a", None),
        ("mlflow-artifacts:/1/a", None),
    ],
)
def test_only_what_lies_on_this_machine_has_a_path(uri: str, path: str | None) -> None:
    assert local_path(uri) == (path and Path(path))


def test_facts_come_back_in_order_and_strange_ones_are_named(tmp_path: Path) -> None:
    kept = Decisions(tmp_path)
    decided = {"student": {}, "by": "gate", "reason": ""}
    first = kept.add(
        RETRAINING, "a" * 40, {"origin": {}, "versions": {}, "ended": {}, "stages": {}}
    )
    second = kept.add(DECISION, "b" * 40, decided)
    other = {"format": "pfafn-decision/2", "kind": DECISION, "at": "2026-01-01T00:00:00+00:00"}
    (kept.folder / "0-decision-c.json").write_text(json.dumps(other))
    (kept.folder / "1-decision-d.json").write_text(json.dumps(other | {"format": FORMAT, "at": 3}))
    (kept.folder / "2-decision-e.json").write_text(json.dumps(other | {"format": FORMAT}))
    facts, problems = kept.read()
    assert facts == [first, second]
    assert [problem[:28] for problem in problems] == [
        "decisions/0-decision-c.json ", "decisions/1-decision-d.json ",
        "decisions/2-decision-e.json ",
    ]  # fmt: skip
    assert first.is_of("a" * 40) and not second.is_of("a" * 40)


@pytest.mark.parametrize("lock", ["", "stages: {}", "stages: {register: {cmd: x}}"])
def test_a_lock_without_a_finished_stage_says_what_to_run(tmp_path: Path, lock: str) -> None:
    with pytest.raises(RecordError, match="no .*dvc.lock: run `dvc repro` first"):
        record.read(tmp_path)
    (tmp_path / "dvc.lock").write_text(lock)
    with pytest.raises(RecordError, match="dvc.lock records no finished stage"):
        record.read(tmp_path)


def stage(root: Path, content: str = "1") -> Stage:
    """A stage that wrote a file and a folder, and by dvc.lock the file's content was 1."""
    (root / "artifacts/fakes/shards").mkdir(parents=True)
    (root / "artifacts/fakes/a").write_text(content)
    md5 = "c4ca4238a0b923820dcc509a6f75849b"  # of 1
    outs = [
        {"path": "artifacts/fakes/a", "md5": md5},
        {"path": "artifacts/fakes/shards", "md5": "x.dir"},
    ]
    return Stage("fakes", {"cmd": "x", "outs": outs}, root)


def test_what_a_stage_wrote_is_what_the_lock_recorded(tmp_path: Path) -> None:
    whole = stage(tmp_path)
    whole.check()
    (tmp_path / "artifacts/fakes/shards").rmdir()
    with pytest.raises(RecordError, match="fakes/shards is missing: `dvc checkout` brings it"):
        whole.check()


def test_a_changed_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="artifacts/fakes/a is not what dvc.lock recorded"):
        stage(tmp_path, "2").check()


def test_a_retraining_has_the_stages_of_its_lock(tmp_path: Path) -> None:
    made = record.of({"fakes": {"cmd": "x"}, "evaluate": {"cmd": "y"}}, tmp_path, {"fakes": 7})
    assert isinstance(made, Retraining) and list(made.stages) == ["fakes", "evaluate"]
    assert (made.stages["fakes"].recorded_end, made.stages["evaluate"].recorded_end) == (7, None)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    """One in no project, in which nothing was decided."""
    return SimpleNamespace(root=tmp_path, decisions=Decisions(tmp_path))


def test_nobody_is_chosen_outside_a_project(store: Any, monkeypatch: Patch) -> None:
    student = SimpleNamespace(name="pfafn-student", version="3", tags={versions.SHA: "ab"})
    monkeypatch.setattr(versions, "find", lambda *_: student)
    monkeypatch.setattr(versions, "by_alias", lambda *_: None)
    with pytest.raises(RegistryError, match=f"{store.root} is no project .it has no dvc.yaml"):
        aliases.promote(store, "3", "", force=True)
    with pytest.raises(RegistryError, match="3 was never evaluated: run `dvc repro evaluate"):
        aliases.promote(store, "3", "", force=False)
    with pytest.raises(RegistryError, match="no previous champion"):
        aliases.rollback(store, "")


def test_a_choice_without_a_reason_says_how_it_was_made(store: Any, monkeypatch: Patch) -> None:
    student = SimpleNamespace(name="pfafn-student", tags={versions.SHA: "a"})
    for sha in ("a", "b"):
        said = {"outcome": "champion", "question": sha}
        aliases.write_down(store, History([]), sha, "gate", "it won", **said)
    monkeypatch.setattr(versions, "known", lambda *_: student)
    monkeypatch.setattr(versions, "find", lambda *_: student)
    monkeypatch.setattr(aliases, "_choose", lambda store, history, version, reason, **_: reason)
    assert aliases.rollback(store, "") == "rolled back by hand"
    assert aliases.promote(store, "3", "", force=True) == "promoted by hand"
    assert aliases.promote(store, "3", "buyers like it", force=True) == "buyers like it"


def test_a_student_without_its_tutor_cannot_be_evaluated_again(monkeypatch: Patch) -> None:
    monkeypatch.setattr(versions, "known", lambda *_: None)
    student: Any = SimpleNamespace(tags={versions.SHA: "a"})
    with pytest.raises(again.NotEvaluated, match="its tutor is not in the registry"):
        reevaluate.evaluate_again(None, History([]), student, None)  # type: ignore[arg-type]


def test_only_the_notes_that_are_new_are_written_and_old_ones_go() -> None:
    written: list[tuple[str, ...]] = []
    client = SimpleNamespace(
        set_model_version_tag=lambda name, number, tag, value: written.append((tag, value)),
        delete_model_version_tag=lambda name, number, tag: written.append((tag,)),
    )
    tags = {"gate.reason": "better", "score.paired.epe": "1", "mine": "x"}
    version: Any = SimpleNamespace(name="pfafn-student", version="3", tags=tags)
    told = {"gate.reason": "better", "evaluation.run": "r2"}
    store: Any = SimpleNamespace(client=client)
    versions.note(store, version, told, ["score.paired.epe", "score.gone"])
    assert written == [("evaluation.run", "r2"), ("score.paired.epe",)]


@pytest.mark.parametrize(
    ("said", "uri"),
    [
        ("challenger", "models:/pfafn-student@challenger"), ("3", "models:/pfafn-student/3"),
        ("tutor/2", "models:/pfafn-tutor/2"), ("tutor@previous", "models:/pfafn-tutor@previous"),
        ("pfafn-tutor@champion", "models:/pfafn-tutor@champion"),
        ("models:/pfafn-student/3", "models:/pfafn-student/3"), ("models:/x/3", "models:/x/3"),
    ],
)  # fmt: skip
def test_a_version_may_be_said_for_short(said: str, uri: str) -> None:
    assert versions.whole_uri(said) == uri


def test_where_no_file_can_be_linked_it_is_copied(tmp_path: Path, monkeypatch: Patch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("not on this file system")

    (tmp_path / "a").write_text("1")
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    cache.link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "1"


def script(path: Path, *lines: str) -> str:
    """A program in the place of Python."""
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return str(path)


def test_the_stage_that_evaluates_again_finds_our_code_first_and_prints_nothing(
    tmp_path: Path, monkeypatch: Patch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = "echo noise", 'echo "$PYTHONPATH $(pwd) $2" >&2'
    monkeypatch.setattr(again.sys, "executable", script(tmp_path / "python", *lines))
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    again.run(tmp_path)
    said = capfd.readouterr()
    ours = again.PACKAGE.parent
    assert (said.out, said.err) == ("", f"{ours}:/theirs {tmp_path} pfafn.stages.evaluate\n")


@pytest.mark.parametrize("end", ["exit 3", "kill -9 $$"])
def test_what_the_stage_said_last_is_why_it_could_not_evaluate(
    tmp_path: Path, monkeypatch: Patch, end: str
) -> None:
    lines = "echo first >&2", "echo 'error: no test person' >&2", "echo >&2", end
    monkeypatch.setattr(again.sys, "executable", script(tmp_path / "python", *lines))
    with pytest.raises(again.NotEvaluated, match="^no test person$"):
        again.run(tmp_path)
