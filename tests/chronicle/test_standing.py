"""How a student stands, by `decisions/` and dvc.lock alone."""

from pathlib import Path

import yaml

from pfafn.chronicle import record
from pfafn.chronicle.decisions import DECISION, RETRAINING, Decisions
from pfafn.chronicle.standing import decision, standing


def made(root: Path, student: str, number: int) -> None:
    """A retraining that is in dvc.lock and written down."""
    stages = {"student_tryon": {"cmd": student}}
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    versions = {"pfafn-student": {"version": str(number), "sha256": student}}
    content = {"origin": {}, "versions": versions, "ended": {}, "stages": stages}
    Decisions(root).add(RETRAINING, record.read(root).key, content)


def judged(root: Path, student: str, outcome: str) -> None:
    said = {"by": "gate", "reason": f"{student} is {outcome}", "outcome": outcome}
    content = {"student": {"sha256": student}, "question": student, **said}
    Decisions(root).add(DECISION, student, content)


def test_a_decision_is_told_without_mlflow(tmp_path: Path) -> None:
    made(tmp_path, "a", 1)
    judged(tmp_path, "a", "champion")
    assert decision(standing(tmp_path)) == "pfafn-student version 1 is champion: a is champion"
    made(tmp_path, "b", 2)
    judged(tmp_path, "b", "challenger")
    said = "pfafn-student version 2 is not the champion: b is challenger"
    assert decision(standing(tmp_path)) == said


def test_of_a_copy_the_project_knows_what_was_decided(tmp_path: Path) -> None:
    project, copy = tmp_path / "project", tmp_path / "copy"
    for folder in (project, copy):
        folder.mkdir()
    made(project, "a", 1)
    (copy / "dvc.lock").write_bytes((project / "dvc.lock").read_bytes())
    assert standing(copy) is None
    assert standing(copy, project) == standing(project)


def test_what_was_not_written_down_yet_is_not_known(tmp_path: Path) -> None:
    assert standing(tmp_path) is None
    (tmp_path / "dvc.lock").write_text("stages: {student_tryon: {cmd: x}}")
    assert decision(standing(tmp_path)).startswith("not known; `pfafn registry sync`")
