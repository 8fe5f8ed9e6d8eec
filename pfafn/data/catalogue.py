"""What a data folder contains, by file names alone: persons, garments and pairs of each split."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pfafn.data.layouts import SPLITS, Layout, Role, detect
from pfafn.models.parts import Category


@dataclass(frozen=True)
class GarmentFiles:
    """One garment picture; `mask` is None where it must be estimated."""

    name: str
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

    @property
    def persons(self) -> Iterator[PersonFiles]:
        for split in SPLITS:
            yield from self.splits[split].persons


@dataclass(frozen=True)
class _Sample:
    """All files of one id; a role maps to None if the file is not there.

    `expected` says for every role where the file would be, `kinds` which roles have a folder.
    """

    id: str
    split: str
    category: Category
    files: dict[str, Path | None]
    expected: dict[str, Path]
    kinds: frozenset[str]


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
    for split in SPLITS:
        roles = {name: _at_split(role, split) for name, role in layout.roles.items()}
        for sample in _samples(folder, roles, split, category, catalogue.strays):
            named.add(split)
            _add(catalogue, sample)
    roles = {name: _flat(role) for name, role in layout.roles.items()}
    for sample in _samples(folder, roles, "", category, catalogue.strays):
        split = _flat_split(layout, sample, member)
        if split is not None:
            _add(catalogue, replace(sample, split=split))
    return named


def _flat_split(layout: Layout, sample: _Sample, member: dict[str, str]) -> str | None:
    """The split of a sample outside split folders; None leaves it out (in no pairs file)."""
    if member:
        person = member.get(sample.id + layout.person.suffix)
        return person or member.get(sample.id + layout.garment.suffix)
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
            test.garments[person.garment] = train.garments.pop(person.garment)


def _at_split(role: Role, split: str) -> Role:
    folders = tuple(f.format(split=split) for f in role.folders if "{split}" in f)
    return Role(folders, role.suffix, role.extensions)


def _flat(role: Role) -> Role:
    folders = tuple(f for f in role.folders if "{split}" not in f)
    return Role(folders, role.suffix, role.extensions)


def _samples(
    root: Path, roles: dict[str, Role], split: str, category: Category, strays: list[Path]
) -> Iterator[_Sample]:
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
        yield _Sample(id, split, category, files, expected, frozenset(kinds))


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
    roles: dict[str, list[Role]] = {}
    for role in layout.roles.values():
        for template in role.folders:
            for split in SPLITS:
                roles.setdefault(template.format(split=split), []).append(role)
    strays, taken = [], set()
    for folder in sorted(roles):
        if (root / folder).is_dir():
            for path in sorted((root / folder).iterdir()):
                fits = any(role.fits(path.name) for role in roles[folder])
                if fits and path.with_suffix("") not in taken:
                    taken.add(path.with_suffix(""))
                elif not path.name.startswith("."):
                    strays.append(path)
    return strays


def _add(catalogue: Catalogue, sample: _Sample) -> None:
    """Put a sample's garment and person into its split."""
    layout, split = catalogue.layout, catalogue.splits[sample.split]
    files = sample.files
    garment_name = sample.id + layout.garment.suffix
    if files["garment"]:
        split.garments[garment_name] = GarmentFiles(
            garment_name, sample.category, files["garment"], files["mask"]
        )
    train = sample.split == "train"
    if not (train or files["person"] or files["parsing"] or files["keypoints"]):
        return  # a garment to try on
    annotations = [name for name in ("parsing", "keypoints") if train or name in sample.kinds]
    needed = ["person", *annotations]
    if train or layout.every_person_has_a_garment:
        needed.append("garment")
    absent = [sample.expected[name] for name in needed if not files[name]]
    split.persons.append(
        PersonFiles(
            name=sample.id + layout.person.suffix,
            split=sample.split,
            category=sample.category,
            image=files["person"] or sample.expected["person"],
            garment=garment_name if files["garment"] else None,
            parsing=files["parsing"],
            keypoints=files["keypoints"],
            body_parts=files.get("body_parts"),
            absent=tuple(absent),
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
