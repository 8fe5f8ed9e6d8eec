"""What every stage writes, and how: whole or not at all, with its provenance.

A stage fills a scratch folder that becomes `artifacts/STAGE` in one rename when it is complete, so
a killed stage never leaves something that looks finished.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pfafn.errors import UserError

PACKAGE = Path(__file__).parent
LIBRARIES = ("albumentations", "numpy", "opencv-python-headless", "pandas", "pyarrow", "torch")


class MissingInput(UserError, FileNotFoundError):
    """A stage's input is not there; the message names the stage that makes it."""


def require(path: Path, stage: str) -> Path:
    """Return path if it exists; otherwise raise MissingInput saying which stage makes it."""
    if not path.exists():
        raise MissingInput(f"no {path}: run `dvc repro {stage}` (or its module) first")
    return path


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text)
    scratch.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, sorted and indented, so equal content is equal bytes."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def file_hash(path: Path) -> str:
    """SHA-256 of a file; of a folder, of its sorted relative names and file hashes."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            # A name may be no UTF-8.
            line = f"{file.relative_to(path)}:{file_hash(file)}\n"
            digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def code_version() -> str:
    """SHA-256 over the package's source files."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{file.relative_to(PACKAGE)}:{file_hash(file)}\n".encode())
    return digest.hexdigest()


def fingerprint(inputs: Mapping[str, str], params: Any, code: str) -> str:
    """Short key of one exact computation: the hashes of its inputs, its params, its code."""
    text = json.dumps([dict(inputs), params, code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class StageOutput:
    """The scratch folder of a running stage and what will be said of the run."""

    def __init__(self, folder: Path, inputs: dict[str, str], params: dict[str, Any]) -> None:
        self.folder = folder
        self.inputs = inputs
        self.params = params
        self.samples = 0  # a stage counts what it worked through
        self.extra: dict[str, Any] = {}  # what else belongs into provenance.json

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.inputs, self.params, code_version())

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


@contextmanager
def stage_output(
    out: Path, inputs: Sequence[Path], params: Mapping[str, BaseModel | int | float | str | None]
) -> Iterator[StageOutput]:
    """Run a stage's body against a scratch folder, then rename it to `out`.

    inputs: every file or folder read, hashed into provenance.json. params: the sections used. The
    body writes into the yielded folder; provenance.json is added. If the body raises, `out` is as
    it was before.
    """
    started = time.monotonic()
    plain = {k: v.model_dump() if isinstance(v, BaseModel) else v for k, v in params.items()}
    scratch = out.with_name(f".{out.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    output = StageOutput(scratch, {p.as_posix(): file_hash(p) for p in inputs}, plain)
    try:
        yield output
        write_json(scratch / "provenance.json", provenance(output, time.monotonic() - started))
        shutil.rmtree(out, ignore_errors=True)
        scratch.replace(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def provenance(output: StageOutput, seconds: float) -> dict[str, Any]:
    """Where an artifact comes from and what it cost."""
    return {
        "inputs": output.inputs,
        "params": output.params,
        "code": code_version(),
        "commit": git_commit(),
        "flow_run": os.environ.get("PFAFN_FLOW_RUN_ID") or None,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "seconds": round(seconds, 3),
        "samples": output.samples,
        "samples_per_second": round(output.samples / seconds, 3) if seconds else None,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        **output.extra,
    }


def git_commit() -> str | None:
    """Commit of the code, with "+dirty" if the tree differs; None outside a repository."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+dirty" if _git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*words: str) -> str:
    command = ["git", "-C", str(PACKAGE), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
