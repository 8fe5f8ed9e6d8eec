"""What a stage reads: files that others have made, and the code that decides what it writes."""

from pathlib import Path

import yaml

from pfafn.kit.files import MODEL, files_hash, require
from pfafn.kit.versions import PACKAGE

PREPARED = ("manifest.parquet", "garments.parquet", "persons", "garments")
FAKES = ("fakes.parquet", "shards")


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


def code_version(stage: str) -> str:
    """SHA-256 over the code that dvc.yaml lists for a stage: all that decides a byte of its result.

    Where there is no dvc.yaml beside the package, over all of the package.
    """
    project = PACKAGE.parent
    table = project / "dvc.yaml"
    stages = yaml.safe_load(table.read_text())["stages"] if table.is_file() else {}
    listed = [dep for dep in stages.get(stage, {}).get("deps", [PACKAGE.name]) if is_code(dep)]
    files = (file for dep in listed for file in sorted(code_below(project / dep)))
    return files_hash(files, project)


def is_code(dep: str) -> bool:
    """Whether a dependency in dvc.yaml is of the package."""
    return Path(dep).parts[0] == PACKAGE.name


def code_below(path: Path) -> set[Path]:
    """A file, or the files below a folder that are neither empty nor compiled."""
    below = {path} if path.is_file() else {file for file in path.rglob("*") if file.is_file()}
    return {file for file in below if file.suffix != ".pyc" and file.stat().st_size}
