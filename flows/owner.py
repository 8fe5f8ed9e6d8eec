"""Whose state `.work` holds: a project's own, also after it was moved or copied.

`.work/project.json` names the project: an id, which a move and a copy take along, and the folder.
Where the folder is another one, the old place tells a copy from a move.
"""

import json
import uuid
from pathlib import Path
from typing import NamedTuple

from pfafn.kit.errors import UserError
from pfafn.kit.files import write_json
from pfafn.registry import store

FILE = Path(".work/project.json")  # in the project's root


class WrongProject(UserError):
    """It is not clear which project is meant; the message names both and says what to do."""


class Project(NamedTuple):
    """A project, as its state tells: which one it is, and where it was when it last ran."""

    id: str
    root: str


def settle(root: Path) -> str:
    """Make the state in .work that of the project at root; a sentence for the user, "" if it was.

    Raises WrongProject if this code is not that of the project one stands in, or if a project
    elsewhere has its state in the same folder; PermissionError if this user may not write it.
    """
    root = root.resolve()
    here = store.home(Path.cwd()).resolve()
    if here != root and (here / "prefect.yaml").is_file():
        raise WrongProject(
            f"this would run in the project {root}, but you are in {here}: run the same in that "
            f"folder as `python -m ...`, or `cd {root}`; if {here} is a copy, its .venv still "
            "leads to the other, until you run `make install` there"
        )
    (root / FILE).parent.mkdir(parents=True, exist_ok=True)
    (root / FILE).touch()  # who may not write here is told so before anything begins
    known = _read(root / FILE)
    if known and _same(Path(known.root), root):
        return ""
    if known and _same(Path(known.root) / FILE, root / FILE):
        raise WrongProject(
            f"{root / '.work'} is the state of the project {known.root}, too: give each a folder "
            "of its own (`rm` the link, `mkdir .work`)"
        )
    copied = known and (there := _read(Path(known.root) / FILE)) and there.id == known.id
    mine = known.id if known and not copied else uuid.uuid4().hex
    write_json(root / FILE, Project(mine, str(root))._asdict())
    if not known:
        return ""
    if copied:
        return (
            f"{root} is a copy of the project {known.root}: its runs, schedules and pages are its "
            "own from now on; if only one of the two is to retrain by itself, pause the other's "
            "schedules"
        )
    return f"this project was moved from {known.root} to {root}: its runs and schedules go on here"


def _same(one: Path, other: Path) -> bool:
    """Whether both lead to the same file or folder; not if one cannot be looked at."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _read(file: Path) -> Project | None:
    """What is known of a project; None if nothing, or nothing legible."""
    try:
        return Project(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
