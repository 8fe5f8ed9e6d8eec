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
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from pfafn.kit.errors import UserError
from pfafn.kit.impostors import what_else

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
Entry = tuple[str, bool, bool, int, Opener]  # name, is it a folder, is it a file, bytes, contents


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
            yield _archived(source, archive)


def _opened(source: Path) -> tarfile.TarFile | zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source) if zipfile.is_zipfile(source) else tarfile.open(source)
    except tarfile.ReadError as error:
        if other := what_else(source):
            raise ArchiveError(f"{source} is {other}") from error
        raise
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
            if path.is_symlink() and not path.exists() and not name.startswith("."):
                raise ArchiveError(f"{path}: a link that leads nowhere; mend it or delete it")
            if path.is_file():
                inside = PurePosixPath((below / name).as_posix())
                yield Member(inside, path.stat().st_size, partial(path.open, "rb"), path)


def _archived(source: Path, archive: tarfile.TarFile | zipfile.ZipFile) -> Iterator[Member]:
    entries = _tar(source, archive) if isinstance(archive, tarfile.TarFile) else _zip(archive)
    for number, (told, is_folder, is_file, size, opener) in enumerate(entries):
        name = _safe(source, told, number)
        if is_folder:
            continue
        if not is_file:
            raise ArchiveError(f"{source}: {told} is a link or device; only files are taken")
        if not name.parts:
            raise ArchiveError(f"{source}: a file without a name; archive refused")
        if size > MAX_FILE:
            raise ArchiveError(
                f"{source}: {name} has {size} bytes, more than {MAX_FILE} of any photo"
            )
        yield Member(name, size, opener)


def _tar(source: Path, archive: tarfile.TarFile) -> Iterator[Entry]:
    for info in archive:
        opener = partial(archive.extractfile, info)
        yield info.name, info.isdir(), info.isreg(), info.size, opener
    # The library takes a damaged header, and a cut between two files, for the end.
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise ArchiveError(
            f"{source}: damaged or cut off at byte {archive.offset}, after {len(archive.members)} "
            "entries; fetch it again"
        )


def _zip(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        name, is_file = info.filename, stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
        yield name, name.endswith(("/", "\\")), is_file, info.file_size, partial(archive.open, info)


def _safe(source: Path, name: str, number: int) -> PurePosixPath:
    """The name of a member, which Windows' programs write with backslashes."""
    path = PurePosixPath(name.replace("\\", "/"))
    drive = PureWindowsPath(name).drive
    if drive or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ArchiveError(f"{source}: {name!r:.200} leads out of the folder; archive refused")
    if len(name) > MAX_NAME or number >= MAX_FILES:
        raise ArchiveError(
            f"{source}: more than {MAX_FILES} files or a name of {len(name)} letters"
        )
    return path
