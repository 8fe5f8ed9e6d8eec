"""Evaluate other models than the present ones on the present data, as a program of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pfafn.kit.errors import UserError
from pfafn.kit.files import MODEL
from pfafn.kit.progress import tell
from pfafn.kit.versions import PACKAGE

DATA = ("prepare", "annotate")  # the stages whose artifacts are the data


class NotEvaluated(UserError, RuntimeError):
    """A registered student cannot be evaluated; the message says why."""


def lay_out(folder: Path, root: Path, weights: Mapping[str, Path]) -> None:
    """A project for stage `evaluate`: the present data and params, with these models instead."""
    shutil.rmtree(folder, ignore_errors=True)
    artifacts = folder / "artifacts"
    for name, path in weights.items():
        (artifacts / name).mkdir(parents=True)
        (artifacts / name / MODEL).symlink_to(path)
    for stage in DATA:
        (artifacts / stage).symlink_to(root / "artifacts" / stage)
    shutil.copy(root / "params.yaml", folder)


def run(folder: Path) -> None:
    """Run stage `evaluate` there. Raises NotEvaluated with its last words."""
    places = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    last = ""
    with subprocess.Popen(
        [sys.executable, "-m", "pfafn.stages.evaluate"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,  # what prints JSON does so alone
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stderr:
            tell(line.rstrip())
            last = line.strip() or last
    if process.returncode:
        raise NotEvaluated(last.removeprefix("error: "))
