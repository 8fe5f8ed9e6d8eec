"""Files that appear whole or not at all, also if the process or the machine dies meanwhile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
