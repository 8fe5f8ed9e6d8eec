"""Where the data set lies inside what was downloaded: in which layout, below which folder."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pfafn.adoption.archives import members
from pfafn.data.layouts import SPLITS, Layout, recognise, signs_text
from pfafn.kit.errors import UserError
from pfafn.kit.spelling import spelt, split_in

MAX_DEPTH = 4  # folders above the layout's root inside a source
PACKED = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


class AdoptError(UserError, ValueError):
    """A data set cannot be taken over; the message says why and names the file."""


@dataclass(frozen=True)
class Plan:
    """Where the layout's root lies inside a source, and what is to be taken from there.

    split: of which the root is the folder by its name, or the source by its own; "" if of none.
    beside: pairs files above the root, which has none of their names.
    """

    source: Path
    root: PurePosixPath
    split: str
    beside: frozenset[PurePosixPath]
    bytes: int

    def target(self, layout: Layout, name: PurePosixPath) -> PurePosixPath | None:
        """Where a file of the source goes below data/; None if it is no part of the layout."""
        if name in self.beside:
            return PurePosixPath(name.name)
        if not name.is_relative_to(self.root):
            return None
        inside = name.relative_to(self.root)
        whole = PurePosixPath(self.split, inside)
        places = [inside] if layout.pairs_of(name.name) else [whole, inside]
        return next((place for place in places if layout.knows(place)), None)


def told_splits(sources: Sequence[Path]) -> list[str]:
    """The split that each source has among its name's words, if they are of both; else nothing.

    A single name says too little: `test of mine.zip` may be a whole data set.
    """
    found = [split_in(source.name) for source in sources]
    return found if {*found} == {*SPLITS} else [""] * len(sources)


def packed(source: Path) -> str:
    """The archives in a source, in a sentence that says what to do with them."""
    with members(source) as files:
        names = [str(m.name) for m in files if m.name.name.lower().endswith(PACKED)]
    if not names:
        return ""
    return f"; it holds archives ({', '.join(names[:4])}): give these as sources"


def tell(sources: Sequence[Path]) -> Layout:
    """The layout that the first source with known folders is in."""
    seen: list[str] = []
    for source in sources:
        folders = _folders(source)
        for root in _roots(folders):
            found = recognise(_below(root, folders))
            if found is not None:
                return found
        seen += sorted(map(str, folders))[:8]
    raise AdoptError(
        f"{', '.join(map(str, sources))}: no known layout; found folders {seen}"
        f"{''.join(map(packed, sources))}. Looked for {signs_text()}"
    )


def _folders(source: Path) -> set[PurePosixPath]:
    """All folders that hold files, and the folders above them."""
    with members(source) as files:
        return {folder for member in files for folder in member.name.parents}


def _roots(folders: set[PurePosixPath]) -> list[PurePosixPath]:
    """Places where a layout may begin, the shallowest first."""
    shallow = (folder for folder in folders if len(folder.parts) < MAX_DEPTH)
    return sorted(shallow, key=lambda folder: (len(folder.parts), folder))


def _below(root: PurePosixPath, folders: set[PurePosixPath]) -> set[str]:
    return {f.relative_to(root).as_posix() for f in folders if f.is_relative_to(root)}


def plan(source: Path, layout: Layout, split: str = "") -> Plan:
    """Find the layout's root in a source, and the pairs files that lie above it.

    split: of which a source is that does not say so by its whole name.
    """
    sizes: Counter[PurePosixPath] = Counter()
    pairs: dict[PurePosixPath, int] = {}
    photos: set[PurePosixPath] = set()  # roots below which more than pairs files is known
    folders: set[PurePosixPath] = set()
    with members(source) as files:
        for member in files:
            folders.update(member.name.parents)
            listing = layout.pairs_of(member.name.name) is not None
            if listing:
                pairs[member.name] = member.size
            for root in member.name.parents:
                if len(root.parts) < MAX_DEPTH and layout.knows(member.name.relative_to(root)):
                    sizes[root] += member.size
                    if not listing:
                        photos.add(root)
    alone = {root for root in sizes if not root.parts}  # a source of pairs files and nothing else
    root = _root(source, layout, folders, photos or alone)
    own = {spelt(name.name) for name in pairs if name.parent == root}
    above = (name for name in pairs if name.parent in root.parents)
    beside = frozenset(name for name in above if spelt(name.name) not in own)
    called = spelt((root.name or source.resolve().name).partition(".")[0])
    split = called if called in SPLITS else split
    return Plan(source, root, split, beside, sizes[root] + sum(pairs[name] for name in beside))


def _root(
    source: Path, layout: Layout, folders: set[PurePosixPath], known: Collection[PurePosixPath]
) -> PurePosixPath:
    """The shallowest folder that has the layout's signs; else, of a part, that has known files.

    known: the folders below which files are known. Raises AdoptError if there is none, or several.
    """
    whole = [root for root in known if layout.is_in(_below(root, folders))]
    roots = sorted(whole or known, key=lambda folder: (len(folder.parts), folder))
    if not roots:
        top = sorted({folder.parts[0] for folder in folders if folder.parts})
        raise AdoptError(
            f"{source}: nothing of layout {layout.name} in it; it has {top[:8]}, "
            f"looked for folders like {', '.join(layout.folders[:6])}"
        )
    equal = [str(root) for root in roots if len(root.parts) == len(roots[0].parts)]
    if len(equal) > 1:
        raise AdoptError(
            f"{source}: {len(equal)} folders in it are of layout {layout.name}: "
            f"{', '.join(equal[:8])}. If they are its splits, call them train and test; else give "
            "the one that is meant as the source, or all of them to put them together"
        )
    return roots[0]
