"""The project as DVC sees it: where it is, its stages, and how to ask and call DVC."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from flows.process import CommandFailed
from pfafn.kit.errors import UserError

ROOT = Path(__file__).parents[1]
DVC = (sys.executable, "-m", "dvc")
DATA = "data.dvc"
COPY = Path(".work/copy")  # in the project's root
# What a run in the copy writes, and what leads DVC or git out of it: not the project's own there.
OWN = {".dvc", ".git", "artifacts", "data.dvc", "params.yaml"}
COPIED = {"dvc.yaml", "dvc.lock", "pfafn"}  # the rest is links: photos, unfinished work
COPY_CONFIG = """\
[core]
    no_scm = true
[cache]
    dir = "{}"
    type = "reflink,hardlink,copy"
"""
CONTENTION = ("Unable to acquire lock", "is busy, it is being blocked by")


class UnknownStage(UserError, ValueError):
    """A stage was asked for that dvc.yaml does not have; the message lists those it has."""


def enter() -> dict[str, str]:
    """Pull step of prefect.yaml: a run takes place in the project of the worker that runs it."""
    os.chdir(ROOT)
    return {"directory": str(ROOT)}


def environment() -> dict[str, str]:
    """What the child processes need: this Python first, no telemetry."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "DVC_NO_ANALYTICS": "1",
    }


def ask(*words: str, project: Path | None = None) -> str:
    """Standard output of a DVC command in the project, or in its copy. Raises CommandFailed."""
    done = subprocess.run(
        [*DVC, *words],
        cwd=project or ROOT,
        env=os.environ | environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CommandFailed([*DVC, *words], done.returncode, done.stderr)
    return done.stdout


def stage_names(wanted: list[str] | None = None) -> list[str]:
    """The stages of dvc.yaml in its order, or those wanted of them.

    Raises UnknownStage for a name that is not among them.
    """
    names = ask("stage", "list", "--name-only").split()
    if unknown := sorted(set(wanted or []) - set(names)):
        raise UnknownStage(f"dvc.yaml has no stage {', '.join(unknown)}; it has {', '.join(names)}")
    return [name for name in names if not wanted or name in wanted]


def always_changed() -> set[str]:
    """The stages that DVC runs every time, as they have no outputs to compare."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    return {name for name, stage in stages.items() if stage.get("always_changed")}


def status(stages: list[str], project: Path | None = None) -> dict[str, list[str]]:
    """What DVC finds changed about these stages, by stage; those it finds nothing about are out."""
    return json.loads(ask("status", "--json", *stages, project=project))


def copy(params: str) -> Path:
    """The folder of a copy of the project with another params.yaml, made anew.

    What runs there changes neither the project's params nor its artifacts and dvc.lock. They share
    the photos, the unfinished work of stages, and DVC's cache: what one has made, the other finds.
    """
    folder = ROOT / COPY
    if folder.exists():
        shutil.rmtree(folder)
    (folder / ".dvc").mkdir(parents=True)
    for path in ROOT.iterdir():
        here = folder / path.name
        if path.name in COPIED:
            shutil.copytree(path, here) if path.is_dir() else shutil.copy(path, here)
        elif path.name not in OWN:
            here.symlink_to(path)
    (folder / "params.yaml").write_text(params)
    cache = ROOT / ask("cache", "dir").strip()
    (folder / ".dvc/config").write_text(COPY_CONFIG.format(cache))
    ask("checkout", "--allow-missing", project=folder)
    return folder


def held_up(error: CommandFailed) -> bool:
    """Whether a command failed only because another DVC process holds a lock."""
    return any(word in error.output for word in CONTENTION)
