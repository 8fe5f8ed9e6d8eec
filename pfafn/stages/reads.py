"""What a stage reads: files that others have made, and the code that decides what it writes."""

import hashlib
from functools import cache
from pathlib import Path

from pfafn.kit.files import file_hash, require
from pfafn.kit.imports import ROOT, path_of, reached

MODEL = "model.safetensors"
PREPARED = ("manifest.parquet", "garments.parquet", "persons", "garments")
FAKES = ("fakes.parquet", "shards")

# dvc.yaml does not list it, and what is half done goes on after it has changed.
DECIDES_NOTHING = {
    "pfafn.kit.cluster": "who works: the bytes are the same for any number of workers",
    "pfafn.kit.errors": "what is said",
    "pfafn.kit.files": "how files appear and are hashed, not what is in them",
    "pfafn.kit.heap": "speed",
    "pfafn.kit.imports": "what is found here",
    "pfafn.kit.lock": "who waits for whom",
    "pfafn.kit.machine": "where to compute: what rounds otherwise is in the fingerprint",
    "pfafn.kit.pool": "who works: what comes out is in order",
    "pfafn.kit.progress": "what is shown",
    "pfafn.kit.signals": "when to stop; what resumes goes on bit for bit",
    "pfafn.kit.versions": "what provenance.json tells",
    "pfafn.params": "the values themselves stand in params.yaml, none is a default",
    "pfafn.stages.entry": "how a stage starts and what is said of errors",
    "pfafn.stages.output": "how results appear, and provenance.json, which no stage reads",
    "pfafn.stages.reads": "what is found here; the files themselves are inputs",
    "pfafn.stages.workplace": "where unfinished work lies",
    "pfafn.training.health": "whether a training stops; what it is stopped for is not written",
    "pfafn.training.pace": "an estimate for standard error",
    "pfafn.training.saver": "when resume points are written",
}


def annotated(artifacts: Path) -> list[Path]:
    """Photos with their annotations. Raises MissingInput naming a stage that has not run."""
    photos = [require(artifacts / "prepare" / name, "prepare") for name in PREPARED]
    return [*photos, require(artifacts / "annotate" / "shards", "annotate")]


def fake(artifacts: Path) -> list[Path]:
    """The tutor's fakes. Raises MissingInput if there are none."""
    return [require(artifacts / "fakes" / name, "fakes") for name in FAKES]


def model(artifacts: Path, stage: str) -> Path:
    """The model of a stage. Raises MissingInput naming the stage if it is not there."""
    return require(artifacts / stage / MODEL, stage)


@cache
def deciding_code(stage: str) -> frozenset[Path]:
    """The files of the package, relative to the root, that decide a byte of a stage's result.

    The modules it leads to, and what lies beside them in their folders and is no code.
    """
    modules = reached(f"pfafn.stages.{stage}", without=DECIDES_NOTHING)
    code = {file for module in modules if (file := path_of(module)) and not empty(file)}
    beside = {file for folder in {file.parent for file in code} for file in files_below(folder)}
    return frozenset(code | {file for file in beside if file.suffix != ".py"})


def files_below(folder: Path) -> set[Path]:
    """All files below a folder but empty and compiled ones; paths are relative to the root."""
    files = {file.relative_to(ROOT) for file in (ROOT / folder).rglob("*") if file.is_file()}
    return {file for file in files if file.suffix != ".pyc" and not empty(file)}


def empty(file: Path) -> bool:
    return not (ROOT / file).stat().st_size


def code_version(stage: str) -> str:
    """SHA-256 over the files that decide a byte of a stage's result."""
    digest = hashlib.sha256()
    for file in sorted(deciding_code(stage)):
        digest.update(f"{file.as_posix()}:{file_hash(ROOT / file)}\n".encode())
    return digest.hexdigest()
