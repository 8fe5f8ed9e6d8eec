"""What a data folder contains, by file names alone: persons, garments and pairs of each split."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pfafn.data.files import Sample, read_pairs, samples, strays, unused
from pfafn.data.layouts import SPLITS, Layout, Role, detect
from pfafn.kit.spelling import Place
from pfafn.models.parts import Category

NEEDED = ("parsing", "keypoints")
ANNOTATIONS = (*NEEDED, "body_parts")


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
    annotated: bool = True  # whether persons have, and need, annotations; else they are left alone
    bad_lines: list[tuple[Path, str]] = field(default_factory=list)  # of pairs files
    strays: list[Path] = field(default_factory=list)  # files in its folders that no sample takes
    unused: dict[Path, int] = field(default_factory=dict)  # other folders; files in each


def shown(text: str) -> str:
    """A name or line as a terminal may print it: escaped if it holds what is not printable."""
    return text if text.isprintable() else ascii(text)[1:-1]


def read_catalogue(
    root: Path, *, seed: int, test_fraction: float, annotated: bool = True
) -> Catalogue:
    """List a data folder of any layout; if not annotated, as if nobody had annotations.

    If the data set names no test split, `test_fraction` of its persons are drawn into it (seeded).
    Without split folders, persons without a garment of their own are test. Raises MissingInput or
    LayoutError.
    """
    layout = detect(root)
    catalogue = Catalogue(root, layout, {split: Split() for split in SPLITS}, annotated)
    whole = Place(root)
    catalogue.unused = unused(layout, root)
    # Where categories have folders, a pairs file beside them speaks of all.
    member = {} if "" in layout.categories else _add_pairs(catalogue, whole)
    named: set[str] = set(member.values())
    for prefix, category in layout.categories.items():
        for folder in whole.folders(prefix) if prefix else [root]:
            place = Place(folder)
            named |= _add_category(catalogue, place, category, member)
            catalogue.strays += strays(layout, place)
    if "test" not in named:
        _draw_test(catalogue, seed, test_fraction)
    for split in catalogue.splits.values():
        split.persons.sort(key=lambda person: (person.name, person.category))
    return catalogue


def _add_category(
    catalogue: Catalogue, place: Place, category: Category, known: dict[str, str]
) -> set[str]:
    """Add the samples and pairs below one category's folder; return the splits it names.

    known: the splits of persons and garments that pairs beside all categories name.
    """
    layout = catalogue.layout
    member = known | _add_pairs(catalogue, place)
    named = set(member.values())
    for folder in (*SPLITS, ""):
        roles = {name: _of_split(role, folder) for name, role in layout.roles.items()}
        for sample in samples(place, roles, catalogue.strays):
            split = folder or _flat_split(layout, sample, member)
            if folder:
                named.add(folder)
            if split:
                _add(catalogue, sample, split, category)
    return named


def _add_pairs(catalogue: Catalogue, place: Place) -> dict[str, str]:
    """Add the pairs of test in a folder, and note the lines that are none.

    Returns the split of each name, where the layout's pairs files say it.
    """
    member: dict[str, str] = {}
    for split, path, line in read_pairs(catalogue.layout, place):
        contents = catalogue.splits[split]
        contents.pairs_file = contents.pairs_file or path
        if line.problem:
            catalogue.bad_lines.append((path, f"line {line.number}: {line.problem}"))
            continue
        pair = Path(line.person).stem, Path(line.garment).stem
        member |= dict.fromkeys(pair, split)
        if split == "test":
            contents.pairs.append(pair)
    return member if catalogue.layout.pairs_name_the_split else {}


def _flat_split(layout: Layout, sample: Sample, member: dict[str, str]) -> str | None:
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


def _add(catalogue: Catalogue, sample: Sample, split: str, category: Category) -> None:
    """Put a sample's garment and person into its split."""
    layout, contents, files = catalogue.layout, catalogue.splits[split], sample.files
    if not catalogue.annotated:
        files = files | dict.fromkeys(ANNOTATIONS)
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
    if catalogue.annotated:
        needed += [name for name in NEEDED if train or name in sample.kinds]
    if train or layout.every_person_has_a_garment:
        needed.append("garment")
    contents.persons.append(
        PersonFiles(
            name=sample.id + layout.roles["person"].suffix,
            split=split,
            category=category,
            image=files["person"] or sample.expected("person"),
            garment=garment,
            parsing=files["parsing"],
            keypoints=files["keypoints"],
            body_parts=files.get("body_parts"),
            absent=tuple(sample.expected(name) for name in needed if not files[name]),
        )
    )
