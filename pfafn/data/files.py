"""The files of a data folder by the samples that they belong to, and those that belong to none."""

import os
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from pfafn.data.layouts import SPLITS, Layout, Role
from pfafn.data.pairs import Line, read_lines
from pfafn.kit.spelling import Place, below, composed, spelt

NAME = attrgetter("name")  # to sort a folder by: paths would be compared part by part


class Sample(NamedTuple):
    """All files of one id; a role maps to None if the file is not there.

    `homes` says for every role in which folder the file would be and how its name would end,
    `kinds` which roles have a folder.
    """

    id: str
    files: dict[str, Path | None]
    homes: dict[str, tuple[Path, str]]
    kinds: set[str]

    def expected(self, role: str) -> Path:
        """Where the file of a role would be."""
        folder, ending = self.homes[role]
        return folder / f"{self.id}{ending}"


def samples(place: Place, roles: dict[str, Role], strays: list[Path]) -> Iterator[Sample]:
    """The samples of one split, by id: every id that has a person or a garment.

    Other files, of nobody, are added to `strays`.
    """
    found = {name: _index(place, role) for name, role in roles.items()}
    ids = found["person"].keys() | found["garment"].keys()
    strays += [path for index in found.values() for id, path in index.items() if id not in ids]
    kinds = {name for name, role in roles.items() if any(map(place.folders, role.folders))}
    homes = {
        name: (place.folder(role.folders[0]), role.suffix + role.extensions[0])
        for name, role in roles.items()
        if role.folders
    }
    for id in sorted(ids):
        files = {name: index.get(id) for name, index in found.items()}
        yield Sample(id, files, homes, kinds)


def _index(place: Place, role: Role) -> dict[str, Path]:
    """Files of a role by sample id."""
    files: dict[str, Path] = {}
    for folder in (folder for name in role.folders for folder in place.folders(name)):
        for path in sorted(folder.iterdir(), key=NAME):
            if role.fits(path.name):
                files.setdefault(composed(path.stem.removesuffix(role.suffix)), path)
    return files


def number_of_files(root: Path) -> int:
    """How many files a data folder has, more or less: what lies in its folders, by name alone."""
    return sum(len(os.listdir(folder)) for folder in below(root))  # noqa: PTH208


def strays(layout: Layout, place: Place) -> list[Path]:
    """Files in the layout's folders that no sample takes; hidden files do not count.

    Their names fit no role, or another file of the same sample comes first (ID_0.jpg, ID_0.png).
    Pairs files whose names are none that the layout knows are among them.
    """
    found = []
    for folder in sorted({f for name in layout.folders for f in place.folders(name)}):
        roles, taken = layout.roles_at(folder.relative_to(place.root).as_posix()), set()
        for name in sorted(os.listdir(folder)) if roles else []:  # noqa: PTH208
            fits, stem = any(role.fits(name) for role in roles), name.rpartition(".")[0]
            if fits and stem not in taken:
                taken.add(stem)
            elif not name.startswith("."):
                found.append(folder / name)
    beside = sorted(path for path in place.root.glob("[!.]*") if path.is_file())
    return found + [p for p in beside if "pair" in spelt(p.name) and not layout.pairs_of(p.name)]


def unused(layout: Layout, root: Path) -> dict[Path, int]:
    """The folders that the layout does not read, and how many files each has, if any."""
    found: dict[Path, int] = {}
    for folder in below(root, depth=3):
        known = layout.has_folder(folder.relative_to(root).as_posix())
        if known or any(folder.is_relative_to(other) for other in found):
            continue
        if files := sum(path.is_file() for path in folder.rglob("*")):
            found[folder] = files
    return found


def read_pairs(layout: Layout, place: Place) -> Iterator[tuple[str, Path, Line]]:
    """The lines of the pairs files of a root: split, file and line; files of one split by rank."""
    folders = [place.root, *place.folders("train"), *place.folders("test")]
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    named = [(*told, path) for path in files if (told := layout.pairs_of(path.name))]
    for split, _, path in sorted(named, key=lambda one: (SPLITS.index(one[0]), one[1])):
        lines = list(read_lines(path))
        for line in lines or [Line(1, "", problem="no pairs in the file: fill it, or delete it")]:
            yield split, path, line
