"""Make `data/` from an existing data set: only the files its layout knows, whole or not at all."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pfafn.adoption.archives import ArchiveError, Member, members
from pfafn.adoption.roots import AdoptError, Plan, plan, tell, told_splits
from pfafn.data.catalogue import read_catalogue
from pfafn.data.layouts import LAYOUTS, SPLITS, Layout, detect

AUTO = "auto"
BLOCK = 2**20


@dataclass(frozen=True)
class Adopted:
    """What was taken over. ignored: files that are no part of the layout, by folder or name."""

    layout: str
    files: int
    ignored: dict[str, int]
    bytes: int
    folders: dict[str, int]  # files in each folder of data/
    persons: dict[str, int]  # by split
    garments: dict[str, int]


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
    chosen = LAYOUTS[layout] if layout != AUTO else tell(sources)
    scratch = data.with_name(f".{data.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(parents=True)
        splits = told_splits(sources)
        plans = [plan(source, chosen, of) for source, of in zip(sources, splits, strict=True)]
        total = sum(found.bytes for found in plans)
        free = shutil.disk_usage(scratch).free
        if total > free:
            raise AdoptError(f"the data set needs {total} bytes, {scratch.parent} has {free} free")
        taken = _Taken(scratch, total, progress)
        for found in plans:
            _take(found, chosen, taken)
        result = _summary(chosen, scratch, taken)
        scratch.replace(data)
    except OSError as error:
        where = error.filename or scratch.parent
        raise AdoptError(f"{where}: {error.strerror or error}; nothing was taken over") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return result


class _Taken:
    """Writes files into the scratch folder and counts them."""

    def __init__(self, folder: Path, total: int, progress: Callable[[int, int], None]) -> None:
        self.folder = folder
        self.total = total
        self.progress = progress
        self.folders: Counter[str] = Counter()
        self.bytes = 0
        self.ignored: Counter[str] = Counter()

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


def _take(plan: Plan, layout: Layout, taken: _Taken) -> None:
    with members(plan.source) as files:
        for member in files:
            target = plan.target(layout, member.name)
            if target is not None:
                taken.add(plan.source, target, member)
            else:
                folder = member.name.parent.as_posix()
                taken.ignored[member.name.name if folder == "." else folder] += 1


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
        ignored=dict(sorted(taken.ignored.items())),
        bytes=taken.bytes,
        folders=dict(sorted(taken.folders.items())),
        persons={split: len(catalogue.splits[split].persons) for split in SPLITS},
        garments={split: len(catalogue.splits[split].garments) for split in SPLITS},
    )
