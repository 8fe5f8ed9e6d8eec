"""Files that appear whole or not at all, also if the process or the machine dies meanwhile."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pfafn.kit.errors import UserError

MODEL = "model.safetensors"  # what every training writes, beside its curve and provenance
BUFFER = 2**16  # bytes read at once


def scratch_of(path: Path) -> Path:
    """Where `path` is written before it has its name; what a killed process left is overwritten."""
    return path.with_name(f".{path.name}.partial")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a scratch path beside `path`; when the body ends well, the file gets its name.

    Until then `path` is as it was. If the body raises, the scratch file is removed.
    """
    scratch = scratch_of(path)
    try:
        yield scratch
        publish(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def publish(scratch: Path, path: Path) -> None:
    """Give a finished file its name, once its content is on the disk."""
    with scratch.open("rb") as file:
        os.fsync(file.fileno())
    scratch.replace(path)


class MissingInput(UserError, FileNotFoundError):
    """A stage's input is not there; the message names the stage that makes it."""


def require(path: Path, stage: str) -> Path:
    """Return path if it exists; otherwise raise MissingInput saying which stage makes it."""
    if not path.exists():
        raise MissingInput(f"no {path}: run `dvc repro {stage}` (or its module) first")
    return path


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with whole(path) as scratch:
        scratch.write_text(text)


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, sorted and indented, so equal content is equal bytes."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def file_hash(path: Path) -> str:
    """SHA-256 of a file; of a folder, of its sorted relative names and file hashes."""
    if path.is_dir():
        return _hash_of(sorted(_names_below(path), key=_parts), path)
    return content_hash(str(path))


def content_hash(file: str) -> str:
    """SHA-256 of what is in a file."""
    digest = hashlib.sha256()
    with open(file, "rb", buffering=0) as stream:  # noqa: PTH123
        # hashlib.file_digest clears this much memory before it reads, of however small a file.
        while part := stream.read(BUFFER):
            digest.update(part)
    return digest.hexdigest()


def files_hash(files: Iterable[Path], root: Path) -> str:
    """SHA-256 of the names of files below root, and their hashes, in the order given."""
    return _hash_of((str(file.relative_to(root)) for file in files), root)


def _parts(name: str) -> list[str]:
    return name.split(os.sep)  # noqa: PTH206


def _names_below(folder: Path, prefix: str = "") -> Iterator[str]:
    """Of the files in a folder and those below it, which links do not lead to."""
    # A path object for each of a data set's files would take longer than to hash them.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _names_below(folder / entry.name, f"{prefix}{entry.name}{os.sep}")
            # For a link that leads to itself the entry raises, and the path says no.
            elif Path(entry).is_file() if entry.is_symlink() else entry.is_file():
                yield prefix + entry.name


def _hash_of(names: Iterable[str], root: Path) -> str:
    digest = hashlib.sha256()
    for name in names:
        found = content_hash(os.path.join(root, name))  # noqa: PTH118
        digest.update(f"{name}:{found}\n".encode(errors="surrogateescape"))  # it may be no UTF-8
    return digest.hexdigest()


def content_key(content: Any) -> str:
    """SHA-256 of a plain structure, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
