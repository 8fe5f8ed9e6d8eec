"""What MLflow alone would know: what was registered, evaluated again and decided, in order.

One file each in `decisions/`, to be committed with dvc.lock; with DVC's cache they are enough to
rebuild a lost registry (`pfafn.registry.view`). A fact is written whole and once. Its name begins
with its time, so names sort as things happened. Files, not lines of one file, as those of two
branches merge by themselves.
"""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pfafn.kit.files import whole

FOLDER = "decisions"
FORMAT = "pfafn-decision/1"
TIME = "%Y%m%dT%H%M%S.%fZ"
KEY_LENGTH = 16
RETRAINING, EVALUATION, DECISION = "retraining", "evaluation", "decision"
# What a fact of each kind has to say.
SAYS = {
    RETRAINING: {"origin", "versions", "ended", "stages"},
    EVALUATION: {"key", "versions", "tags", "ended", "entry"},
    DECISION: {"student", "by", "reason"},
}


class Fact(NamedTuple):
    """One file of the folder."""

    name: str  # the file's, without .json; greater for what came later
    kind: str
    at: datetime
    content: dict[str, Any]

    def is_of(self, key: str) -> bool:
        """Whether it is the fact of this key."""
        return self.name.endswith(f"-{key[:KEY_LENGTH]}")


class Decisions:
    """The facts of the project at root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def names(self) -> list[str]:
        """Names of all facts, oldest first."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def read(self) -> tuple[list[Fact], list[str]]:
        """All facts, oldest first; and for each file that cannot be used, why not."""
        facts, problems = [], []
        for name in self.names():
            path = self.folder / f"{name}.json"
            try:
                facts.append(_parsed(name, path.read_text()))
            except (OSError, ValueError, KeyError, TypeError) as error:
                problems.append(
                    f"{FOLDER}/{path.name} cannot be read ({error!r:.80}): "
                    "restore it with git, or delete it"
                )
        return facts, problems

    def add(self, kind: str, key: str, content: dict[str, Any]) -> Fact:
        """Write a fact that is later than all others; it is on the disk when this returns.

        A file whose name tells no time is none; `read` tells of it.
        """
        at = datetime.now(UTC)
        for name in self.names():  # one may come from a machine whose clock is ahead
            with suppress(ValueError):
                at = max(at, _time(name) + timedelta(microseconds=1))
        fact = Fact(f"{at.strftime(TIME)}-{kind}-{key[:KEY_LENGTH]}", kind, at, content)
        written = {"format": FORMAT, "kind": kind, "at": at.isoformat(), **content}
        self.folder.mkdir(exist_ok=True)
        with whole(self.folder / f"{fact.name}.json") as scratch:
            scratch.write_text(json.dumps(written, indent=1) + "\n")
        _flush_folder(self.folder)
        return fact


def _time(name: str) -> datetime:
    """When a fact was written, by its name. Raises ValueError if that tells no time."""
    return datetime.strptime(name.partition("-")[0], TIME).replace(tzinfo=UTC)


def _parsed(name: str, text: str) -> Fact:
    _time(name)
    if text.startswith("<<<<<<<") or "\n<<<<<<<" in text:
        raise ValueError("a merge left its marks in it")
    content = json.loads(text) if text.strip() else {}
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ValueError(f"its format is not {FORMAT}" if text.strip() else "it is empty")
    kind, at = content.pop("kind"), datetime.fromisoformat(content.pop("at"))
    if lacking := SAYS[kind] - content.keys():
        raise ValueError(f"it does not say {', '.join(sorted(lacking))}")
    return Fact(name, kind, at, content)


def _flush_folder(folder: Path) -> None:
    """Let the rename reach the disk, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
