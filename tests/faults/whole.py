"""A whole project as its user runs it, for faults that strike everything at once."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import clone

DVC = (sys.executable, "-m", "dvc", "repro")
FLOW = (sys.executable, "-m", "flows.retrain")
LOCKFILE = (sys.executable, "-m", "flows.lockfile")
PEOPLE = ("--train", "8", "--test", "4", "--height", "128", "--width", "96")


class Undisturbed(NamedTuple):
    """A project in which `dvc repro` ran in peace: its models' hashes, the seconds they took."""

    root: Path
    models: dict[str, str]
    seconds: float


def run(root: Path, *command: str, code: int = 0, **variables: str) -> str:
    """Run a command in the project until it ends, as it should; all it said."""
    done = subprocess.run(
        command,
        cwd=root,
        env=environment(**variables),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def environment(**variables: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return clone.environment() | {"PATH": path, "PFAFN_CHECKPOINT_STEPS": "1"} | variables


def models(root: Path) -> dict[str, str]:
    """SHA-256 of each model."""
    files = sorted(root.glob("artifacts/*/model.safetensors"))
    return {f.parent.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
