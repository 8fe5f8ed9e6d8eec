"""dvc.lock stays whole: the last one is kept, and put back when DVC has died writing it.

DVC writes it in place, and refuses everything while half of it is there. `python -m flows.lockfile`
looks after the project's own.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from flows.dvc import ROOT
from pfafn.kit.errors import UserError, permitted
from pfafn.kit.files import file_hash, whole

KEPT = Path(".dvc/tmp/dvc.lock.kept")  # in the project's root, and in its copy, which has its own
USERS = Path(".dvc/tmp/rwlock")  # which processes use what, by DVC, which reads no half of it
SAID = (
    "dvc.lock was not whole, as after a kill of DVC or in an unfinished merge: it is now {}, and {}"
)
BACK = "the last whole one is back; what was made since then comes from DVC's cache"
ANEW = "as none was kept, DVC makes a new one and takes what it can from its cache"


def mend(root: Path, log: Callable[[str], object]) -> None:
    """Keep dvc.lock if it is whole; if not, set it aside, put the last one back, and say so.

    Where there is none DVC starts anew, which is not for us to change. Nothing is touched while
    another DVC process works in the project: it may be writing.
    """
    path, kept, users = root / "dvc.lock", root / KEPT, root / USERS
    if (not path.exists() or is_kept(path, kept)) and is_json(users):
        return
    from dvc.lock import LockError  # here, as it takes as long as all else together
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo, repo.lock:
            if not is_json(users):  # as old as a process that is gone
                users.unlink()
                log(f"{USERS} was not whole, as after a kill of DVC: it is deleted")
            if not path.exists() or is_kept(path, kept):  # another process was faster
                return
            if is_whole(path):
                replace(kept, path)
                return
            aside = path.with_name(f"dvc.lock.damaged-{file_hash(path)[:8]}")
            shutil.move(path, aside)
            if back := kept.is_file() and is_whole(kept):
                replace(path, kept)
            log(SAID.format(aside.name, BACK if back else ANEW))
    except LockError:
        return


def is_json(path: Path) -> bool:
    """Whether a file is whole JSON, or not there."""
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True


def is_kept(path: Path, kept: Path) -> bool:
    """Whether the file is the one that is kept, to the byte."""
    return path.is_file() and kept.is_file() and path.read_bytes() == kept.read_bytes()


def is_whole(path: Path) -> bool:
    """Whether DVC can read this dvc.lock, up to the end of a line.

    Cut in the middle of a hash it can be YAML still, over which DVC stumbles later. Cut between two
    lines, it lacks stages or says less of one, and DVC completes it from its cache.
    """
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils import strictyaml

    try:
        strictyaml.load(str(path), COMPILED_LOCKFILE_SCHEMA)
    except (DvcException, IsADirectoryError):
        return False
    return path.read_bytes().endswith(b"\n")


def replace(path: Path, other: Path) -> None:
    """Put what another file holds into the place of this one, whole or not at all."""
    with whole(path) as scratch:
        shutil.copy(other, scratch)


if __name__ == "__main__":
    try:
        with permitted(ROOT):
            mend(ROOT, print)
    except UserError as error:
        sys.exit(f"error: {error}")
