"""A note of the last mirroring, so that doing it again costs milliseconds instead of seconds.

It holds only while neither the files, nor `decisions/`, nor MLflow's database changed; all else,
and everything that is not the project's own SQLite file, is compared in full.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pfafn.kit.files import write_json
from pfafn.registry import record
from pfafn.registry.decisions import Decisions
from pfafn.registry.store import database, is_own


class Outcome(NamedTuple):
    """What a mirroring found or did."""

    student: str  # version of pfafn-student with the current weights; "" if there is none
    tutor: str  # the same of pfafn-tutor
    champion: str  # version of pfafn-student that is champion; "" if there is none
    reason: str  # what the gate said of the student
    files: list[str]  # folders the versions and runs need on this machine
    changed: bool = True
    problems: Sequence[str] = ()  # what of older retrainings could not be brought back, and why

    def __str__(self) -> str:
        state = "updated" if self.changed else "up to date"
        champion = f"champion is version {self.champion}" if self.champion else "no champion"
        reason = f" ({self.reason})" if self.reason else ""
        said = f"registry {state}: pfafn-student version {self.student}, {champion}{reason}"
        lost = (f"not whole: {problem}" for problem in self.problems)
        return "\n".join([said if self.student else "registry: no student yet", *lost])


def decision(outcome: Outcome | None) -> str:
    """Which alias the student got, and why."""
    if outcome is None:
        return "not known; `pfafn registry sync` makes the registry agree with these files"
    if not outcome.student:
        return "there is no student yet"
    became = "champion" if outcome.student == outcome.champion else "not the champion"
    reason = f": {outcome.reason}" if outcome.reason else ""
    return f"pfafn-student version {outcome.student} is {became}{reason}"


class Stamp:
    """The note of one project's store and one workspace."""

    def __init__(self, root: Path, workspace: Path) -> None:
        self.root = root
        self.workspace = workspace
        self.path = root / ".work" / "registry.json"

    def read(self) -> Outcome | None:
        """The last outcome if it still holds; a note that is damaged, or of other code, is none."""
        if not (self.path.is_file() and is_own(self.root)):
            return None
        try:
            note = json.loads(self.path.read_text())
            state, outcome = note.pop("state"), Outcome(**note)._replace(changed=False)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        if state != self._state():
            return None
        return outcome if all(Path(file).exists() for file in outcome.files) else None

    def write(self, outcome: Outcome) -> None:
        """Note an outcome; nothing if the store cannot be seen as files."""
        if not is_own(self.root):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, {**outcome._asdict(), "state": self._state()})

    def _state(self) -> list[list[Any]]:
        """What dvc.lock says, and path, size and time of change of all else that plays a part.

        dvc.lock itself changes once more when `register` has ended.
        """
        mlflow = [database(self.root).with_name(f"mlflow.db{end}") for end in ("", "-wal")]
        artifacts = sorted(self.workspace.glob("artifacts/*/*"))
        files = [
            [str(path), stat.st_size, stat.st_mtime_ns]
            for path in [*mlflow, self.workspace / "params.yaml", *artifacts]
            if path.exists() and (stat := path.stat())
        ]
        return [[record.read(self.workspace).key], Decisions(self.root).names(), *files]
