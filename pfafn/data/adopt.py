"""Make `data/` from an existing data set: only the files its layout knows, whole or not at all."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pfafn.data.archives import ArchiveError, Member, members
from pfafn.data.catalogue import read_catalogue
from pfafn.data.layouts import LAYOUTS, SPLITS, Layout, detect, recognise, signs_text
from pfafn.kit.errors import UserError

AUTO = "auto"
MAX_DEPTH = 4  # folders above the layout's root inside a source
BLOCK = 2**20


class AdoptError(UserError, ValueError):
    """A data set cannot be taken over; the message says why and names the file."""


@dataclass(frozen=True)
class Adopted:
    """What was taken over. ignored: files that are no part of the layout."""

    layout: str
    files: int
    ignored: int
    bytes: int
    folders: dict[str, int]  # files in each folder of data/
    persons: dict[str, int]  # by split
    garments: dict[str, int]


@dataclass(frozen=True)
class _Plan:
    """Where the layout's root lies inside a source, and what is to be taken from there."""

    source: Path
    root: PurePosixPath
    bytes: int


def adopt(
    layout: str,
    sources: Sequence[Path],
    data: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Adopted:
    """Fill `data` with the data set in `sources`: folders, tars or zips, put together.

    layout: a name of LAYOUTS, or "auto" to tell it from the folders. Files of folders are hard
    linked where the disk allows it, else copied. progress(done, total) is called with bytes.

    Raises AdoptError if `data` is not empty, the layout is unknown or not found in a source, two
    sources differ in a file, or the disk is too small; ArchiveError for unsafe or damaged archives.
    `data` is then as it was.
    """
    if layout != AUTO and layout not in LAYOUTS:
        raise AdoptError(f"layout must be one of {[*LAYOUTS, AUTO]}, got {layout!r}")
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise AdoptError(
            f"{data} is not empty and nothing is overwritten: move it away first, "
            "and give all parts of a data set in one call"
        )
    data = data.resolve()  # it may be a link to a larger disk
    chosen = LAYOUTS[layout] if layout != AUTO else _tell(sources)
    scratch = data.with_name(f".{data.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(parents=True)
        plans = [_plan(source, chosen) for source in sources]
        total = sum(plan.bytes for plan in plans)
        free = shutil.disk_usage(scratch).free
        if total > free:
            raise AdoptError(f"the data set needs {total} bytes, {scratch.parent} has {free} free")
        taken = _Taken(scratch, total, progress)
        for plan in plans:
            _take(plan, chosen, taken)
        result = _summary(chosen, scratch, taken)
        scratch.replace(data)
    except OSError as error:
        where = error.filename or scratch.parent
        raise AdoptError(f"{where}: {error.strerror or error}; nothing was taken over") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return result


def _tell(sources: Sequence[Path]) -> Layout:
    """The layout that the first source with known folders is in."""
    seen: list[str] = []
    for source in sources:
        folders = _folders(source)
        for root in _roots(folders):
            below = {f.relative_to(root).as_posix() for f in folders if f.is_relative_to(root)}
            found = recognise(below)
            if found is not None:
                return found
        seen += sorted(map(str, folders))[:8]
    raise AdoptError(
        f"{', '.join(map(str, sources))}: no known layout; found folders {seen}. "
        f"Looked for {signs_text()}"
    )


def _folders(source: Path) -> set[PurePosixPath]:
    """All folders that hold files, and the folders above them."""
    with members(source) as files:
        return {folder for member in files for folder in member.name.parents}


def _roots(folders: set[PurePosixPath]) -> list[PurePosixPath]:
    """Places where a layout may begin, the shallowest first."""
    shallow = (folder for folder in folders if len(folder.parts) < MAX_DEPTH)
    return sorted(shallow, key=lambda folder: (len(folder.parts), folder))


def _plan(source: Path, layout: Layout) -> _Plan:
    """Find the layout's root in a source: the shallowest folder below which files are known."""
    sizes: Counter[PurePosixPath] = Counter()
    folders: set[str] = set()
    with members(source) as files:
        for member in files:
            folders.add(member.name.parts[0])
            for root in member.name.parents:
                if len(root.parts) < MAX_DEPTH and layout.knows(member.name.relative_to(root)):
                    sizes[root] += member.size
    if not sizes:
        raise AdoptError(
            f"{source}: nothing of layout {layout.name} in it; it has {sorted(folders)[:8]}, "
            f"looked for folders like {', '.join(layout.folders[:6])}"
        )
    root = min(sizes, key=lambda folder: (len(folder.parts), folder))
    return _Plan(source, root, sizes[root])


class _Taken:
    """Writes files into the scratch folder and counts them."""

    def __init__(self, folder: Path, total: int, progress: Callable[[int, int], None]) -> None:
        self.folder = folder
        self.total = total
        self.progress = progress
        self.folders: Counter[str] = Counter()
        self.bytes = 0
        self.ignored = 0

    def add(self, source: Path, name: PurePosixPath, member: Member) -> None:
        target = self.folder / name
        if target.exists():
            if not _same(target, member):
                raise AdoptError(f"{source}: {name} differs from the one of an earlier source")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if member.path is None or not _link(member.path, target):
            _copy(source, member, target)
        self.folders[name.parent.as_posix()] += 1
        self.bytes += member.size
        self.progress(self.bytes, self.total)


def _take(plan: _Plan, layout: Layout, taken: _Taken) -> None:
    with members(plan.source) as files:
        for member in files:
            name = member.name
            inside = name.is_relative_to(plan.root)
            if inside and layout.knows(name.relative_to(plan.root)):
                taken.add(plan.source, name.relative_to(plan.root), member)
            else:
                taken.ignored += 1


def _link(path: Path, target: Path) -> bool:
    """Hard link a file; False where the file system does not allow it."""
    try:
        os.link(path.resolve(), target)
    except OSError:
        return False
    return True


def _copy(source: Path, member: Member, target: Path) -> None:
    """Copy a member; its contents may be no longer than it says."""
    left = member.size
    with member.open() as stream, target.open("wb") as out:
        while block := stream.read(BLOCK):
            left -= len(block)
            if left < 0:
                break
            out.write(block)
    if left != 0:
        raise ArchiveError(f"{source}: {member.name} is not of the {member.size} bytes it says")


def _same(path: Path, member: Member) -> bool:
    if path.stat().st_size != member.size:
        return False
    with member.open() as stream:
        return stream.read() == path.read_bytes()


def _summary(layout: Layout, folder: Path, taken: _Taken) -> Adopted:
    """Count what was taken; AdoptError if it is no data set of that layout."""
    if detect(folder) is not layout:
        raise AdoptError(f"the sources are in layout {detect(folder).name}, not {layout.name}")
    catalogue = read_catalogue(folder, seed=0, test_fraction=0)
    return Adopted(
        layout=layout.name,
        files=sum(taken.folders.values()),
        ignored=taken.ignored,
        bytes=taken.bytes,
        folders=dict(sorted(taken.folders.items())),
        persons={split: len(catalogue.splits[split].persons) for split in SPLITS},
        garments={split: len(catalogue.splits[split].garments) for split in SPLITS},
    )
