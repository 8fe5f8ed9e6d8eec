"""Names of folders and files as people spell them: `Training/Cloth_Masks` is `train/cloth-mask`."""

import os
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

DEPTH = 2  # folders in folders that are looked for


def composed(name: str) -> str:
    """A name with each letter one character: some disks keep the accents of letters apart."""
    return unicodedata.normalize("NFC", name)


@lru_cache(2**16)  # archives may have millions of names
def spelt(name: str) -> str:
    """One spelling for all that mean the same: of case, of - _ and spaces, of one and several.

    The split may be written out: training, train set, train data.
    """
    return "/".join(_word(part) for part in name.split("/"))


def _word(part: str) -> str:
    plain = composed(part).casefold()
    plain = re.sub(r"s?[-_ ]*$", "", plain)
    plain = re.sub(r"^(train|test)(ing|[-_ ]?set|[-_ ]?data)(?![a-z])", r"\1", plain)
    return re.sub(r"[-_ ]", "", plain)


def split_in(name: str) -> str:
    """The one split that a name has among its words, as `VITON_Train.zip` has; else nothing."""
    words = {spelt(word) for word in re.split(r"[^A-Za-z]+", name)}
    found = words & {"train", "test"}
    return found.pop() if len(found) == 1 else ""


class Place:
    """A folder in which others are found however they are spelt."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, list[Path]] = {}
        for folder in below(root):
            name = spelt(folder.relative_to(root).as_posix())
            self._known.setdefault(name, []).append(folder)

    def folders(self, name: str) -> list[Path]:
        """All folders that `name` (relative to the root) may mean, by name."""
        return self._known.get(spelt(name), [])

    def folder(self, name: str) -> Path:
        """The first of them; where it would be if there is none."""
        return next(iter(self.folders(name)), self.root / name)


def below(root: Path, depth: int = DEPTH) -> list[Path]:
    """The folders in a folder, and those in them, by name; hidden ones do not count."""
    with os.scandir(root) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
    found = sorted(Path(entry) for entry in shown if _is_folder(entry))
    deeper = [inner for folder in found for inner in below(folder, depth - 1)] if depth > 1 else []
    return found + deeper


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # For a link that leads to itself the entry raises, and the path says no.
    return Path(entry).is_dir() if entry.is_symlink() else entry.is_dir()
