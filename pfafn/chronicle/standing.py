"""How a student stands, by the files alone: what was decided on it, and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pfafn.chronicle import record
from pfafn.chronicle.decisions import Decisions, Fact
from pfafn.chronicle.history import STUDENT, TUTOR, History


class Outcome(NamedTuple):
    """What a mirroring found or did."""

    student: str  # version of pfafn-student with the current weights; "" if there is none
    tutor: str  # the same of pfafn-tutor
    champion: str  # version of pfafn-student that is champion; "" if there is none
    reason: str  # what the gate said of the student
    changed: bool = True
    problems: Sequence[str] = ()  # what of the history MLflow cannot show, and why

    def __str__(self) -> str:
        state = "updated" if self.changed else "up to date"
        champion = f"champion is version {self.champion}" if self.champion else "no champion"
        reason = f" ({self.reason})" if self.reason else ""
        said = f"registry {state}: pfafn-student version {self.student}, {champion}{reason}"
        said = said if self.student else "registry: no student yet"
        return f"{said}\nnot whole: {'; '.join(self.problems)}" if self.problems else said


def decision(outcome: Outcome | None) -> str:
    """Which alias the student got, and why."""
    if outcome is None:
        return "not known; `pfafn registry sync` makes the registry agree with these files"
    if not outcome.student:
        return "there is no student yet"
    became = "champion" if outcome.student == outcome.champion else "not the champion"
    reason = f": {outcome.reason}" if outcome.reason else ""
    return f"pfafn-student version {outcome.student} is {became}{reason}"


def standing(workspace: Path, root: Path | None = None) -> Outcome | None:
    """How workspace's student stands, by the files alone; None if that was not written down yet.

    root: the project, if workspace is a copy of it.
    """
    history = History(Decisions(root or workspace).read()[0])
    try:
        fact = history.retraining(record.read(workspace).key)
    except record.RecordError:  # DVC has made nothing
        return None
    return stood(history, fact, changed=False) if fact else None


def stood(history: History, retraining: Fact, **what: Any) -> Outcome:
    """How the student of a retraining stands; what: the rest that an outcome tells."""
    refs = {name: ref["sha256"] for name, ref in retraining.content["versions"].items()}
    student = refs.get(STUDENT, "")
    return Outcome(
        student=history.number(STUDENT, student),
        tutor=history.number(TUTOR, refs.get(TUTOR, "")),
        champion=history.number(STUDENT, history.champion),
        reason=history.reason(student),
        **what,
    )
