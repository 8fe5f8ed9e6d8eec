"""Small parts of the registry by known answers, without a store."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pfafn.registry import aliases, mirror, record, reevaluate, replay, versions
from pfafn.registry.decisions import DECISION, FORMAT, RETRAINING, Decisions
from pfafn.registry.record import RecordError, Retraining, Stage
from pfafn.registry.stamp import Outcome, decision
from pfafn.registry.store import RegistryError, local_path

Patch = pytest.MonkeyPatch
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
SECOND = Outcome(student="2", tutor="1", champion="1", reason="it is worse", files=[])


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
            "registry: no student yet\nnot whole: a is gone\nnot whole: b is gone",
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
    first = kept.add(RETRAINING, "a" * 40, {"x": 1})
    second = kept.add(DECISION, "b" * 40, {"y": [2]})
    other = {"format": "pfafn-decision/2", "kind": DECISION, "at": "2026-01-01T00:00:00+00:00"}
    (kept.folder / "0-decision-c.json").write_text(json.dumps(other))
    (kept.folder / "1-decision-d.json").write_text(json.dumps(other | {"format": FORMAT, "at": 3}))
    facts, problems = kept.read()
    assert facts == [first, second]
    assert [problem[:28] for problem in problems] == [
        "decisions/0-decision-c.json ", "decisions/1-decision-d.json ",
    ]  # fmt: skip
    assert kept.has(RETRAINING, "a" * 40) and not kept.has(DECISION, "a" * 40)


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


def test_nobody_is_chosen_outside_a_project(tmp_path: Path, monkeypatch: Patch) -> None:
    previous = SimpleNamespace(name="pfafn-student", version="3")
    found = {versions.PREVIOUS: previous, versions.CHAMPION: None}
    monkeypatch.setattr(versions, "by_alias", lambda store, name, alias: found[alias])
    store: Any = SimpleNamespace(root=tmp_path)
    with pytest.raises(RegistryError, match=f"{tmp_path} is no project .it has no dvc.yaml"):
        aliases.rollback(store, "")
    found[versions.CHAMPION] = previous
    with pytest.raises(RegistryError, match="pfafn-student version 3 is the champion already"):
        aliases.rollback(store, "")
    found[versions.PREVIOUS] = None
    with pytest.raises(RegistryError, match="no previous champion"):
        aliases.rollback(store, "")


def test_a_choice_without_a_reason_says_how_it_was_made(monkeypatch: Patch) -> None:
    student = SimpleNamespace(name="pfafn-student", tags={"score.unpaired.psnr": "20"})
    monkeypatch.setattr(versions, "by_alias", lambda *_: student)
    monkeypatch.setattr(versions, "find", lambda *_: student)
    monkeypatch.setattr(aliases, "_choose", lambda store, version, reason: reason)
    store: Any = None
    assert aliases.rollback(store, "") == "rolled back by hand"
    assert aliases.promote(store, "uri", "", force=False) == "promoted by hand"
    assert aliases.promote(store, "uri", "buyers like it", force=False) == "buyers like it"


@pytest.mark.parametrize("lacking", ["tutor.version", "tutor.sha256"])
def test_a_tutor_is_known_by_number_and_weights_or_not_at_all(lacking: str) -> None:
    tags = {"tutor.version": "3", "tutor.sha256": "ab"}
    assert versions.tutor_of(SimpleNamespace(tags=tags)) == versions.Ref("3", "ab")  # type: ignore
    del tags[lacking]
    assert versions.tutor_of(SimpleNamespace(tags=tags)) is None  # type: ignore[arg-type]


def test_a_student_without_its_tutor_cannot_be_evaluated_again(monkeypatch: Patch) -> None:
    monkeypatch.setattr(versions, "tutor_of", lambda student: None)
    with pytest.raises(reevaluate.NotEvaluated, match="its tutor is not in the registry"):
        reevaluate.evaluate_again(None, None, None, "")  # type: ignore[arg-type]


def test_a_new_evaluation_leaves_nothing_of_an_earlier_one_on_a_version() -> None:
    tags = {"score.paired.epe": "1", "evaluation.protocol.size": "64", "gate.reason": "better"}
    version: Any = SimpleNamespace(name="pfafn-student", version="3", tags=dict(tags))
    client = SimpleNamespace(
        set_model_version_tag=lambda name, number, tag, value: tags.update({tag: value}),
        delete_model_version_tag=lambda name, number, tag: tags.pop(tag),
    )
    metrics = {"paired/student/ssim": 0.9, "paired/tutor/ssim": 0.95}
    again: Any = SimpleNamespace(protocol={"pairs": "p2"}, code="c2", metrics=metrics)
    store: Any = SimpleNamespace(client=client)
    mirror.note_scores(store, [version], again, "second")
    assert tags.pop("evaluation.protocol")
    assert tags == {
        "evaluation.run": "second",
        "evaluation.code": "c2",
        "evaluation.protocol.pairs": "p2",
        "score.paired.ssim": "0.9",
        "gate.reason": "better",
    }


def test_where_no_file_can_be_linked_it_is_copied(tmp_path: Path, monkeypatch: Patch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("not on this file system")

    (tmp_path / "a").write_text("1")
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    replay._link(tmp_path / "a", tmp_path / "b")
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
    monkeypatch.setattr(reevaluate.sys, "executable", script(tmp_path / "python", *lines))
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    reevaluate._run(tmp_path)
    said = capfd.readouterr()
    ours = reevaluate.PACKAGE.parent
    assert (said.out, said.err) == ("", f"{ours}:/theirs {tmp_path} pfafn.stages.evaluate\n")


@pytest.mark.parametrize("end", ["exit 3", "kill -9 $$"])
def test_what_the_stage_said_last_is_why_it_could_not_evaluate(
    tmp_path: Path, monkeypatch: Patch, end: str
) -> None:
    lines = "echo first >&2", "echo 'error: no test person' >&2", "echo >&2", end
    monkeypatch.setattr(reevaluate.sys, "executable", script(tmp_path / "python", *lines))
    with pytest.raises(reevaluate.NotEvaluated, match="^no test person$"):
        reevaluate._run(tmp_path)
