"""The files of a folder, tar or zip, named safely: what an archive says is not trusted."""

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pfafn.kit.errors import UserError

MAX_FILE = 256 * 2**20  # bytes of one file
MAX_FILES = 20_000_000
MAX_NAME = 1000  # characters
MAX_DEPTH = 8  # folders in folders
# What reading a damaged archive raises, beside OSError.
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError,
    ValueError, NotImplementedError, RuntimeError, OverflowError,
)  # fmt: skip

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


class ArchiveError(UserError, ValueError):
    """A source cannot be read, or holds what no data set holds; the message names it."""


@dataclass(frozen=True)
class Member:
    """One file of a source, by its name relative to the source."""

    name: PurePosixPath
    size: int  # bytes
    open: Opener
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
    else:
        with _reading(source), _opened(source) as archive:
            tar = isinstance(archive, tarfile.TarFile)
            yield _tar(source, archive) if tar else _zip(source, archive)


def _opened(source: Path) -> tarfile.TarFile | zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source) if zipfile.is_zipfile(source) else tarfile.open(source)
    except OSError as error:
        raise ArchiveError(f"{source}: cannot be read ({error})") from error


@contextmanager
def _reading(source: Path) -> Iterator[None]:
    """What a damaged archive raises becomes an ArchiveError; errors of writing pass through."""
    try:
        yield
    except UserError:
        raise
    except (*DAMAGE, OSError) as error:
        if getattr(error, "errno", None):  # of the disk, not of the archive
            raise
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


def _opener(path: Path) -> Opener:
    return lambda: path.open("rb")


def _tar(source: Path, archive: tarfile.TarFile) -> Iterator[Member]:
    for number, info in enumerate(archive):
        name = _safe(source, info.name, number)
        if info.isdir():
            continue
        if not info.isreg():
            raise ArchiveError(f"{source}: {info.name} is a link or device; only files are taken")
        yield _member(source, name, info.size, _tar_opener(archive, info))
    # The library takes a damaged header, and a cut between two files, for the end.
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise ArchiveError(
            f"{source}: damaged or cut off at byte {archive.offset}, after {len(archive.members)} "
            "entries; fetch it again"
        )


def _tar_opener(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Opener:
    def opened() -> IO[bytes]:
        stream = archive.extractfile(info)
        assert stream is not None  # it is a regular file
        return stream

    return opened


def _zip(source: Path, archive: zipfile.ZipFile) -> Iterator[Member]:
    for number, info in enumerate(archive.infolist()):
        name = _safe(source, info.filename, number)
        if info.filename.endswith("/"):
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise ArchiveError(
                f"{source}: {info.filename} is a link or device; only files are taken"
            )
        yield _member(source, name, info.file_size, _zip_opener(archive, info))


def _zip_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Opener:
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


def _member(source: Path, name: PurePosixPath, size: int, opener: Opener) -> Member:
    if not name.parts:
        raise ArchiveError(f"{source}: a file without a name; archive refused")
    if size > MAX_FILE:
        raise ArchiveError(f"{source}: {name} has {size} bytes, more than {MAX_FILE} of any photo")
    return Member(name, size, opener)
