"""What a data folder contains, by file names alone: persons, garments and pairs of each split."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pfafn.data.layouts import SPLITS, Layout, Role, detect
from pfafn.models.parts import Category


@dataclass(frozen=True)
class GarmentFiles:
    """One garment picture; `mask` is None where it must be estimated."""

    name: str
    split: str
    category: Category
    image: Path
    mask: Path | None


@dataclass(frozen=True)
class PersonFiles:
    """One person picture and what belongs to it; None = the data set does not have it.

    `absent` are files that should be there and are not.
    """

    name: str
    split: str
    category: Category
    image: Path
    garment: str | None  # name of the garment worn
    parsing: Path | None
    keypoints: Path | None
    body_parts: Path | None
    absent: tuple[Path, ...] = ()


@dataclass
class Split:
    """Persons in order of their names, garments by name, and the pairs file's lines."""

    persons: list[PersonFiles] = field(default_factory=list)
    garments: dict[str, GarmentFiles] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    pairs_file: Path | None = None


@dataclass
class Catalogue:
    """A data folder in its layout."""

    root: Path
    layout: Layout
    splits: dict[str, Split]
    bad_lines: list[tuple[Path, str]] = field(default_factory=list)  # of pairs files
    strays: list[Path] = field(default_factory=list)  # files in its folders that no sample takes


class _Sample(NamedTuple):
    """All files of one id; a role maps to None if the file is not there.

    `expected` says for every role where the file would be, `kinds` which roles have a folder.
    """

    id: str
    files: dict[str, Path | None]
    expected: dict[str, Path]
    kinds: set[str]


def shown(text: str) -> str:
    """A name or line as a terminal may print it: escaped if it holds what is not printable."""
    return text if text.isprintable() else ascii(text)[1:-1]


def read_catalogue(root: Path, *, seed: int, test_fraction: float) -> Catalogue:
    """List a data folder of any layout.

    If the data set names no test split, `test_fraction` of its persons are drawn into it (seeded).
    Without split folders, persons without a garment of their own are test. Raises MissingInput or
    LayoutError.
    """
    layout = detect(root)
    catalogue = Catalogue(root, layout, {split: Split() for split in SPLITS})
    named: set[str] = set()
    for prefix, category in layout.categories.items():
        folder = root / prefix
        if folder.is_dir():
            named |= _add_category(catalogue, folder, category)
            catalogue.strays += _strays(layout, folder)
    if "test" not in named:
        _draw_test(catalogue, seed, test_fraction)
    for split in catalogue.splits.values():
        split.persons.sort(key=lambda person: (person.name, person.category))
    return catalogue


def _add_category(catalogue: Catalogue, folder: Path, category: Category) -> set[str]:
    """Add the samples and pairs below one category's folder; return the splits it names."""
    layout = catalogue.layout
    pairs = {split: _read_pairs(catalogue, folder, split) for split in SPLITS}
    catalogue.splits["test"].pairs += pairs["test"]
    member = {}
    if layout.pairs_name_the_split:
        member = {name: split for split in SPLITS for pair in pairs[split] for name in pair}
    named = set(member.values())
    for place in (*SPLITS, ""):
        roles = {name: _of_split(role, place) for name, role in layout.roles.items()}
        for sample in _samples(folder, roles, catalogue.strays):
            split = place or _flat_split(layout, sample, member)
            if place:
                named.add(place)
            if split:
                _add(catalogue, sample, split, category)
    return named


def _flat_split(layout: Layout, sample: _Sample, member: dict[str, str]) -> str | None:
    """The split of a sample outside split folders; None leaves it out (in no pairs file)."""
    if member:
        names = (sample.id + layout.roles[role].suffix for role in ("person", "garment"))
        return next((member[name] for name in names if name in member), None)
    return "train" if sample.files["person"] and sample.files["garment"] else "test"


def _draw_test(catalogue: Catalogue, seed: int, test_fraction: float) -> None:
    """Move a drawn fraction of the train persons, with their garments, to test.

    So does a person whose garment is the only one of its category: it could try on nothing else.
    """
    train, test = catalogue.splits["train"], catalogue.splits["test"]
    order = np.random.default_rng(seed).permutation(len(train.persons))
    drawn = set(order[: round(test_fraction * len(order))].tolist())
    kept = Counter(p.category for i, p in enumerate(train.persons) if i not in drawn)
    drawn |= {i for i, person in enumerate(train.persons) if kept[person.category] == 1}
    test.persons += [replace(train.persons[i], split="test") for i in sorted(drawn)]
    train.persons = [person for i, person in enumerate(train.persons) if i not in drawn]
    for person in test.persons:
        if person.garment in train.garments:
            garment = train.garments.pop(person.garment)
            test.garments[garment.name] = replace(garment, split="test")


def _of_split(role: Role, split: str) -> Role:
    """The role in the folders of a split, or of none: those that name no split."""
    named = [f for f in role.folders if ("{split}" in f) == bool(split)]
    return replace(role, folders=tuple(f.format(split=split) for f in named))


def _samples(root: Path, roles: dict[str, Role], strays: list[Path]) -> Iterator[_Sample]:
    """The samples of one split, by id: every id that has a person or a garment.

    Other files, of nobody, are added to `strays`.
    """
    found = {name: _index(root, role) for name, role in roles.items()}
    ids = found["person"].keys() | found["garment"].keys()
    strays += [path for index in found.values() for id, path in index.items() if id not in ids]
    kinds = {name for name, role in roles.items() if any((root / f).is_dir() for f in role.folders)}
    for id in sorted(ids):
        files = {name: index.get(id) for name, index in found.items()}
        expected = {
            name: root / role.folders[0] / f"{id}{role.suffix}{role.extensions[0]}"
            for name, role in roles.items()
            if role.folders
        }
        yield _Sample(id, files, expected, kinds)


def _index(root: Path, role: Role) -> dict[str, Path]:
    """Files of a role by sample id."""
    files: dict[str, Path] = {}
    for folder in role.folders:
        if (root / folder).is_dir():
            for path in sorted((root / folder).iterdir()):
                if role.fits(path.name):
                    files.setdefault(path.stem[: len(path.stem) - len(role.suffix)], path)
    return files


def _strays(layout: Layout, root: Path) -> list[Path]:
    """Files in the layout's folders that no sample takes; hidden files do not count.

    Their names fit no role, or another file of the same sample comes first (ID_0.jpg, ID_0.png).
    """
    strays, taken = [], set()
    for folder, roles in sorted(layout.homes.items()):
        if (root / folder).is_dir():
            for path in sorted((root / folder).iterdir()):
                fits = any(role.fits(path.name) for role in roles)
                if fits and path.with_suffix("") not in taken:
                    taken.add(path.with_suffix(""))
                elif not path.name.startswith("."):
                    strays.append(path)
    return strays


def _add(catalogue: Catalogue, sample: _Sample, split: str, category: Category) -> None:
    """Put a sample's garment and person into its split."""
    layout, contents, files = catalogue.layout, catalogue.splits[split], sample.files
    garment = None
    if files["garment"]:
        garment = sample.id + layout.roles["garment"].suffix
        contents.garments[garment] = GarmentFiles(
            garment, split, category, files["garment"], files["mask"]
        )
    train = split == "train"
    if not (train or files["person"] or files["parsing"] or files["keypoints"]):
        return  # a garment to try on
    needed = ["person"]
    needed += [name for name in ("parsing", "keypoints") if train or name in sample.kinds]
    if train or layout.every_person_has_a_garment:
        needed.append("garment")
    contents.persons.append(
        PersonFiles(
            name=sample.id + layout.roles["person"].suffix,
            split=split,
            category=category,
            image=files["person"] or sample.expected["person"],
            garment=garment,
            parsing=files["parsing"],
            keypoints=files["keypoints"],
            body_parts=files.get("body_parts"),
            absent=tuple(sample.expected[name] for name in needed if not files[name]),
        )
    )


def _read_pairs(catalogue: Catalogue, folder: Path, split: str) -> list[tuple[str, str]]:
    """(person, garment) names of a split's pairs files; lines that are no pair are noted."""
    pairs = []
    for name in catalogue.layout.pairs.get(split, ()):
        path = folder / name
        if not path.is_file():
            continue
        catalogue.splits[split].pairs_file = catalogue.splits[split].pairs_file or path
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            words = line.split()
            if len(words) in (2, 3):  # some data sets add the category
                pairs.append((Path(words[0]).stem, Path(words[1]).stem))
            elif words:
                catalogue.bad_lines.append((path, f"line {number}: {line:.60}"))
    return pairs
