"""What every stage writes, and how: whole or not at all, with its provenance.

A stage fills a scratch folder that becomes `artifacts/STAGE` in one rename when it is complete, so
a killed stage never leaves something that looks finished.
"""

import importlib.metadata
import json
import os
import platform
import resource
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pfafn.kit import threads
from pfafn.kit.errors import UserError
from pfafn.kit.files import content_key, file_hash, write_json
from pfafn.kit.versions import LIBRARIES, git_commit
from pfafn.stages import workplace
from pfafn.stages.reads import code_version


class DamagedInput(UserError, ValueError):
    """A stage's input was changed after it was made; the message names it and who makes it."""


def libraries() -> dict[str, str]:
    """The versions of the libraries that work on pictures, tables and tensors.

    As far as they are here under their usual names: a stage on a bare machine has those it needs.
    """
    found = {}
    for name in LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


class StageOutput:
    """The scratch folder of a running stage and what will be said of the run.

    work: where the stage may keep what it wants to find again after a kill. It is removed once the
    stage is done.
    """

    def __init__(
        self,
        folder: Path,
        work: Path,
        inputs: dict[str, str],
        params: dict[str, Any],
        rounding: Mapping[str, Any],
    ) -> None:
        self.folder = folder
        self.inputs = inputs
        self.params = params
        self.rounding = rounding
        self.code = code_version(work.name)
        self.place = work
        self.work = self.unfinished(rounding)
        self.samples = 0  # a stage counts what it worked through
        self.extra: dict[str, Any] = {}  # what else belongs into provenance.json

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def unfinished(self, rounding: Mapping[str, Any]) -> Path:
        """Where this is kept while it is half done, if it rounds so."""
        facts = (self.inputs, self.params, self.code, libraries(), rounding)  # all its bytes need
        return self.place / content_key(facts)[:16]

    def settle_threads(self) -> None:
        """Settle with how many threads this is computed: what is half done goes on with its own."""

        def begun(count: int) -> bool:
            folder = self.unfinished({**self.rounding, "threads": count})
            return folder.is_dir() and any(folder.iterdir())

        if "threads" in self.rounding:
            self.rounding = {**self.rounding, "threads": threads.settle(begun)}
            self.work = self.unfinished(self.rounding)

    def take(self, *names: str) -> None:
        """Move finished folders from `work` here."""
        for name in names:
            shutil.move(self.work / name, self.folder / name)


@contextmanager
def stage_output(
    out: Path,
    inputs: Sequence[Path],
    params: BaseModel | Mapping[str, Any],
    rounding: Mapping[str, Any] | None = None,
) -> Iterator[StageOutput]:
    """Run a stage's body against a scratch folder, then rename it to `out` = .../STAGE.

    inputs: every file or folder read. params: those it declares, and no other. rounding: of a stage
    that computes with torch, `machine.rounding()`, but for the number of threads, which is settled
    here (`pfafn.kit.threads`). The body writes into the yielded folder; provenance.json, which
    tells all this, is added. If the body raises, `out` is as it was before.

    Raises StageBusy if another process runs this stage, DamagedInput if an input is not what the
    stage that made it wrote.
    """
    started = time.monotonic()
    plain = params.model_dump(mode="json") if isinstance(params, BaseModel) else dict(params)
    scratch, old = (out.with_name(f".{out.name}.{name}") for name in ("partial", "old"))
    with workplace.alone(workplace.place(out)):
        if old.exists() and not out.exists():  # killed between two renames
            old.replace(out)
        for left in (scratch, old):  # by a killed process
            shutil.rmtree(left, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            hashes = {path.as_posix(): sound_hash(path) for path in inputs}
            output = StageOutput(scratch, workplace.place(out), hashes, plain, rounding or {})
            output.settle_threads()
            workplace.prune(output.work.parent, output.work.name)
            yield output
            write_json(scratch / "provenance.json", provenance(output, time.monotonic() - started))
            if out.exists():
                out.replace(old)
            scratch.replace(out)
            for left in (old, output.work):
                shutil.rmtree(left, ignore_errors=True)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def sound_hash(path: Path) -> str:
    """The hash of a stage's input; DamagedInput if its maker's provenance.json has another one."""
    found = file_hash(path)
    told = path.parent / "provenance.json"
    made = json.loads(told.read_text()).get("outputs", {}) if told.is_file() else {}
    if made.get(path.name, found) != found:
        raise DamagedInput(
            f"{path} is not what stage {path.parent.name} wrote (SHA-256 {found[:12]}..., expected "
            f"{made[path.name][:12]}...): bring it back with `dvc checkout --force {path}`, or "
            f"make it anew with `dvc repro --force --single-item {path.parent.name}`"
        )
    return found


def provenance(output: StageOutput, seconds: float) -> dict[str, Any]:
    """Where an artifact comes from and what it cost."""
    return {
        "inputs": output.inputs,
        "outputs": {p.name: file_hash(p) for p in sorted(output.folder.iterdir())},
        "params": output.params,
        "code": output.code,
        "commit": git_commit(),
        "flow_run": os.environ.get("PFAFN_FLOW_RUN_ID") or None,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": libraries(),
        "computed_on": {**output.rounding, **threads.changes(output.work)},
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "samples": output.samples,
        "samples_per_second": round(output.samples / seconds, 3) if seconds else None,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        **output.extra,
    }
