"""A small project whose stages run as processes of their own, to be killed or starved.

The processes are forked from one that has imported everything, so that what is killed is work and
not the start of Python.
"""

import itertools
import multiprocessing
import os
import resource
import runpy
import shutil
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import photoset
import tinyset
import yaml

from pfafn.kit.files import file_hash

STAGES = ["prepare", "annotate", "tutor_warp", "tutor_tryon", "fakes", "student_warp",
          "student_tryon", "evaluate"]  # fmt: skip
TRAININGS = [stage for stage in STAGES if stage.startswith(("tutor", "student"))]
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.move", "shutil.rmtree"}
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["killing", *(f"pfafn.stages.{stage}" for stage in STAGES)])


def params() -> dict[str, Any]:
    raw = tinyset.params().model_dump(by_alias=True)
    for stage in TRAININGS:
        raw[stage] |= {"epochs": 2, "decay": 1, "batch": 4}
    raw["fakes"] |= {"per_person": 1, "batch": 2, "min_area": 0.0, "min_agreement": 0.0}
    raw["prepare"] |= {"max_rejected": 0.5}
    return raw


class Project:
    """Photos of 12 people to train on and 4 to test, params.yaml, and what the stages make."""

    def __init__(self, root: Path) -> None:
        self.root = root
        photoset.viton(root / "data", train=12, test=4, size=tinyset.SIZE)
        (root / "params.yaml").write_text(yaml.safe_dump(params()))

    def start(self, stage: str, **options: Any) -> BaseProcess:
        """Begin a stage as DVC does, which removes its outputs first."""
        shutil.rmtree(self.root / "artifacts" / stage, ignore_errors=True)
        return self.start_again(stage, **options)

    def start_again(self, stage: str, **options: Any) -> BaseProcess:
        process = context.Process(target=run, args=(self.root, stage), kwargs=options)
        process.start()
        return process

    def finish(self, stage: str, **options: Any) -> str:
        """Run a stage to its end; what it said."""
        assert self.end(self.start(stage, **options)) == 0, self.said()
        return self.said()

    def refused(self, stage: str, **options: Any) -> str:
        """Run a stage that stops by itself, and leaves what it made earlier; its last words."""
        assert self.end(self.start_again(stage, **options)) == 1, self.said()
        assert "Traceback" not in self.said(), self.said()
        return self.said().strip().splitlines()[-1]

    @staticmethod
    def end(process: BaseProcess, timeout: float = 300) -> int | None:
        process.join(timeout)
        return process.exitcode

    def said(self) -> str:
        """Standard error of the last process."""
        return (self.root / "stderr").read_text(errors="replace")

    def hashes(self, stage: str) -> dict[str, str]:
        """Everything a stage makes but for when and where it was made."""
        files = (self.root / "artifacts" / stage).iterdir()
        return {path.name: file_hash(path) for path in files if path.name != "provenance.json"}


def run(
    root: Path,
    stage: str,
    *,
    die_at: int = 0,
    changes: Any = None,
    largest_file: int | None = None,
    environment: dict[str, str] | None = None,
    turned_back: bool = False,
    folder: str = ".",
    own_group: bool = False,
) -> None:
    """In the process: the stage's program, in the project's folder.

    die_at: kill itself at this change of the project's files; changes: a shared number to count
    them in; largest_file: bytes after which a file cannot grow, as on a full disk; turned_back:
    the wall clock goes back by an hour each time that it is looked at; folder: where it is started;
    own_group: in a process group of its own.
    """
    if own_group:
        os.setpgrp()
    os.chdir(root)
    multiprocessing.set_start_method("fork", force=True)  # as where a stage is not forked itself
    os.environ |= {"PFAFN_CHECKPOINT_STEPS": "1"} | (environment or {})
    # Appending, as two at once would overwrite what the other says.
    told = os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(told, 2)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    if turned_back:
        looks, real = itertools.count(), time.time
        time.time = lambda: real() - 3600 * next(looks)
    os.chdir(folder)
    sys.addaudithook(watcher(die_at, changes))
    sys.modules.pop(f"pfafn.stages.{stage}")  # imported already; runpy would warn
    runpy.run_module(f"pfafn.stages.{stage}", run_name="__main__", alter_sys=True)


def watcher(die_at: int, changes: Any) -> Callable[[str, tuple[Any, ...]], None]:
    """Counts what changes files, and kills the process at the `die_at`-th time."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        writes = event == "open" and isinstance(arguments[1], str) and arguments[1][:1] in "wa"
        if not (writes or event in CHANGES):
            return
        count += 1
        if changes is not None:
            changes.value = count
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook
