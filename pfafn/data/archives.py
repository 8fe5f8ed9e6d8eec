"""The files of a folder, tar or zip, named safely: what an archive says is not trusted."""

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pfafn.errors import UserError

MAX_FILE = 256 * 2**20  # bytes of one file
MAX_FILES = 20_000_000
MAX_NAME = 1000  # characters
MAX_DEPTH = 8  # folders in folders


class ArchiveError(UserError, ValueError):
    """A source cannot be read, or holds what no data set holds; the message names it."""


@dataclass(frozen=True)
class Member:
    """One file of a source, by its name relative to the source."""

    name: PurePosixPath
    size: int  # bytes
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    path: Path | None = None  # on disk, for members of a folder


@contextmanager
def members(source: Path) -> Iterator[Iterator[Member]]:
    """The files of a folder, a tar (of any compression) or a zip, in the order they are stored.

    A member must be opened before the next one is asked for. Raises ArchiveError for a source that
    is none of these or is damaged, and for a member with an absolute name or "..", a link, a device
    or a file larger than MAX_FILE.
    """
    if source.is_dir():
        yield _folder(source)
    elif not source.is_file():
        raise ArchiveError(f"{source}: no such folder or archive")
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            yield _zip(source, archive)
    else:
        yield from _opened_tar(source)


def _opened_tar(source: Path) -> Iterator[Iterator[Member]]:
    try:
        with tarfile.open(source) as archive:
            yield _tar(source, archive)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ArchiveError(f"{source}: not a complete folder, tar or zip ({error})") from error


def _folder(source: Path) -> Iterator[Member]:
    """Files below a folder of the user's own disk, through linked folders too."""
    for parent, folders, files in os.walk(source, followlinks=True):
        folders.sort()
        below = Path(parent).relative_to(source)
        if len(below.parts) >= MAX_DEPTH:
            folders.clear()  # also ends a circle of links
        for name in sorted(files):
            path = Path(parent, name)
            if path.is_file():
                size = path.stat().st_size
                yield Member(PurePosixPath((below / name).as_posix()), size, _opener(path), path)


def _opener(path: Path) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: path.open("rb")


def _tar(source: Path, archive: tarfile.TarFile) -> Iterator[Member]:
    for number, info in enumerate(archive):
        name = _safe(source, info.name, number)
        if info.isdir():
            continue
        if not info.isreg():
            raise ArchiveError(f"{source}: {info.name} is a link or device; only files are taken")
        yield Member(name, _limited(source, info.name, info.size), _tar_opener(archive, info))


def _tar_opener(
    archive: tarfile.TarFile, info: tarfile.TarInfo
) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    def opened() -> IO[bytes]:
        stream = archive.extractfile(info)
        assert stream is not None  # it is a regular file
        return stream

    return opened


def _zip(source: Path, archive: zipfile.ZipFile) -> Iterator[Member]:
    for number, info in enumerate(archive.infolist()):
        name = _safe(source, info.filename, number)
        if info.is_dir():
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise ArchiveError(
                f"{source}: {info.filename} is a link or device; only files are taken"
            )
        size = _limited(source, info.filename, info.file_size)
        yield Member(name, size, _zip_opener(archive, info))


def _zip_opener(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: archive.open(info)


def _safe(source: Path, name: str, number: int) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise ArchiveError(f"{source}: {name!r:.200} leads out of the folder; archive refused")
    if len(name) > MAX_NAME or number >= MAX_FILES:
        raise ArchiveError(
            f"{source}: more than {MAX_FILES} files or a name of {len(name)} letters"
        )
    return path


def _limited(source: Path, name: str, size: int) -> int:
    if size > MAX_FILE:
        raise ArchiveError(f"{source}: {name} has {size} bytes, more than {MAX_FILE} of any photo")
    return size
