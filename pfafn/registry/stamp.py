"""A note of the last mirroring, so that doing it again costs milliseconds instead of seconds.

It holds only while neither the files, nor `decisions/`, nor MLflow's database changed; all else,
and everything that is not the project's own SQLite file, is compared in full.
"""

import json
from pathlib import Path
from typing import Any

from pfafn.chronicle import record
from pfafn.chronicle.decisions import Decisions
from pfafn.chronicle.standing import Outcome
from pfafn.kit.files import write_json
from pfafn.registry.store import is_own


class Stamp:
    """The note of one project's store and one workspace."""

    def __init__(self, root: Path, workspace: Path) -> None:
        self.root = root
        self.workspace = workspace
        self.path = root / ".work" / "registry.json"

    def read(self) -> Outcome | None:
        """The last outcome if it still holds; a note that is damaged, or of other code, is none."""
        try:
            note = json.loads(self.path.read_text())
            state, outcome = note.pop("state"), Outcome(**note)._replace(changed=False)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return outcome if is_own(self.root) and state == self._state() else None

    def write(self, outcome: Outcome) -> None:
        """Note an outcome; nothing if the store cannot be seen as files."""
        if is_own(self.root):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {**outcome._asdict(), "state": self._state()})

    def _state(self) -> list[list[Any]]:
        """What dvc.lock says, and path, size and time of change of all else that plays a part.

        dvc.lock itself changes once more when `register` has ended.
        """
        names = ("mlflow.db", "mlflow.db-wal", "mlartifacts", "mlartifacts/models")
        mlflow = [self.root / name for name in names]
        artifacts = sorted(self.workspace.glob("artifacts/*/*"))
        files = [
            [str(path), stat.st_size, stat.st_mtime_ns]
            for path in [*mlflow, self.workspace / "params.yaml", *artifacts]
            if path.exists() and (stat := path.stat())
        ]
        return [[record.read(self.workspace).key], Decisions(self.root).names(), *files]
