"""The project as DVC sees it: where it is, its stages, and how to ask and call DVC."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from flows.process import CommandFailed

ROOT = Path(__file__).parents[1]
DVC = (sys.executable, "-m", "dvc")
DATA = "data.dvc"
CONTENTION = ("Unable to acquire lock", "is busy, it is being blocked by")


class UnknownStage(ValueError):
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


def ask(*words: str) -> str:
    """Standard output of a DVC command that changes nothing. Raises CommandFailed."""
    done = subprocess.run(
        [*DVC, *words],
        cwd=ROOT,
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


def status(stages: list[str]) -> dict[str, list[str]]:
    """What DVC finds changed about these stages, by stage; those it finds nothing about are out."""
    return json.loads(ask("status", "--json", *stages))


def held_up(error: object) -> bool:
    """Whether a command failed only because another DVC process holds a lock."""
    return isinstance(error, CommandFailed) and any(word in error.output for word in CONTENTION)
