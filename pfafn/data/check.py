"""Validate a whole data folder: what `prepare` takes, and what it leaves out and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pfafn.data.catalogue import Catalogue, GarmentFiles, PersonFiles, read_catalogue, shown
from pfafn.data.inspection import Finding, Inspector, Reason, Report
from pfafn.data.layouts import SPLITS
from pfafn.data.pairing import unusable_pairs
from pfafn.data.reports import reports
from pfafn.params.photos import Limit, Prepare

# Root mean square difference of two thumbnails (0..255) below which they show the same photo,
# recompressed or resized.
SAME_THUMB = 6.0
THUMB_BLOCK = 512
# The rules of `check`, which reads no params file; a test holds them equal to params.yaml.
DEFAULTS = Prepare(
    max_rejected=0.2,
    limit=Limit(train=None, test=None),
    test_fraction=0.1,
    unpaired=2,
    min_mask=0.02,
    max_mask=0.9,
)
# Left out to keep train and test clean, not because the files are bad.
DEDUPLICATION = (Reason.DUPLICATE, Reason.LEAK, Reason.NEAR_LEAK)


class Person(NamedTuple):
    files: PersonFiles
    report: Report


class Garment(NamedTuple):
    files: GarmentFiles
    report: Report


@dataclass
class Review:
    """The outcome: who is taken, which garments are usable, what was found.

    persons, garments: by split, in order of names. examined: how many persons were looked at;
    beyond_limit: how many good ones were not wanted.
    """

    catalogue: Catalogue
    examined: int = 0
    beyond_limit: int = 0
    persons: dict[str, list[Person]] = field(default_factory=lambda: {s: [] for s in SPLITS})
    garments: dict[str, dict[str, Garment]] = field(default_factory=lambda: {s: {} for s in SPLITS})
    findings: list[Finding] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """Persons left out for any reason but the limit."""
        return self.examined - self.beyond_limit - sum(map(len, self.persons.values()))

    @property
    def dropped(self) -> int:
        """Persons left out as duplicates or leaks."""
        return sum(finding.reason in DEDUPLICATION for finding in self.findings)

    @property
    def damaged_fraction(self) -> float:
        """Share of the persons left out because something is wrong with their files."""
        return (self.rejected - self.dropped) / max(1, self.examined)


def check(data: Path, rules: Prepare = DEFAULTS, seed: int = 0) -> list[Finding]:
    """What `prepare` would find in a data folder, without writing anything.

    Raises MissingInput if there is no data and LayoutError if it is in no known layout.
    """
    return review(data, rules, seed).findings


def review(data: Path, rules: Prepare, seed: int, work: Path | None = None) -> Review:
    """Look into every file of a data folder and decide what is taken.

    work: where what was found is kept, to go on from there after a kill; None keeps nothing.

    A sample is taken if its person and its worn garment have no finding. A person picture that
    occurs again is taken once, and from test rather than from train. The limits count what is
    taken: the whole folder is looked into all the same.
    """
    # Workers elsewhere may stand in another folder.
    data = data.absolute()
    catalogue = read_catalogue(data, seed=seed, test_fraction=rules.test_fraction)
    inspector = Inspector(data, catalogue.layout, rules.min_mask, rules.max_mask)
    result = Review(catalogue)
    _strays_and_lines(result)
    for split in SPLITS:
        persons = catalogue.splits[split].persons
        garments = list(_garments(catalogue, split, persons))
        looked = reports(
            inspector.garment, garments, f"garments of {split}", work,
            root=data, name=lambda named: named[1].image,
        )  # fmt: skip
        _add_garments(result, split, garments, looked)
        looked = reports(
            inspector.person, persons, f"persons of {split}", work,
            root=data, name=lambda files: files.image,
        )  # fmt: skip
        _add_persons(result, split, persons, looked)
    _drop_repeated(result)
    _usable_pairs(result)
    _limit(result, rules.limit)
    _drop_lonely(result)
    _garment_leaks(result)
    return result


def _limit(result: Review, limit: Limit) -> None:
    """Keep the first persons by name, and the garments that matter to them."""
    for split, most in (("train", limit.train), ("test", limit.test)):
        if most is None:
            continue
        result.beyond_limit += len(result.persons[split][most:])
        kept = result.persons[split] = result.persons[split][:most]
        wanted = _garments(result.catalogue, split, [person.files for person in kept])
        names = {files.name for _, files in wanted}
        found = result.garments[split]
        result.garments[split] = {name: g for name, g in found.items() if name in names}


def _strays_and_lines(result: Review) -> None:
    root = result.catalogue.root
    for path in result.catalogue.strays:
        name = shown(path.relative_to(root).as_posix())
        result.findings.append(Finding(name, Reason.STRAY_FILE, None, "", None, rejects=False))
    for path, line in result.catalogue.bad_lines:
        name = path.relative_to(root).as_posix()
        result.findings.append(Finding(name, Reason.PAIRS, shown(line), "test", None))


def _garments(
    catalogue: Catalogue, split: str, persons: list[PersonFiles]
) -> Iterator[tuple[str, GarmentFiles]]:
    """Garments that matter to the chosen persons: worn, paired, and in test those of nobody."""
    contents = catalogue.splits[split]
    chosen = {person.name for person in persons}
    wanted = {person.garment for person in persons}
    wanted |= {garment for person, garment in contents.pairs if person in chosen}
    if split == "test":
        wanted |= contents.garments.keys() - {person.garment for person in contents.persons}
    for name in sorted(wanted & contents.garments.keys()):
        yield split, contents.garments[name]


def _add_garments(
    result: Review, split: str, garments: list[tuple[str, GarmentFiles]], looked: Iterable[Report]
) -> None:
    for (_, files), report in zip(garments, looked, strict=True):
        result.findings += report.findings
        if report.usable:
            result.garments[split][files.name] = Garment(files, report)


def _add_persons(
    result: Review, split: str, persons: list[PersonFiles], looked: Iterable[Report]
) -> None:
    result.examined += len(persons)
    for files, report in zip(persons, looked, strict=True):
        result.findings += report.findings
        wears = files.garment is None or files.garment in result.garments[split]
        if report.usable and wears:
            result.persons[split].append(Person(files, report))


def _drop(result: Review, person: Person, reason: Reason, value: str) -> None:
    root = result.catalogue.root
    file = person.files.image.relative_to(root).as_posix()
    split, name = person.files.split, person.files.name
    result.findings.append(Finding(file, reason, value, split, name))


def _drop_repeated(result: Review) -> None:
    """Leave out person pictures seen before: test comes first, so a leak costs the train copy."""
    root = result.catalogue.root
    seen: dict[str, Person] = {}
    for split in reversed(SPLITS):
        kept = []
        for person in result.persons[split]:
            first = seen.setdefault(person.report.digest, person)
            if first is person:
                kept.append(person)
                continue
            reason = Reason.DUPLICATE if first.files.split == split else Reason.LEAK
            _drop(result, person, reason, first.files.image.relative_to(root).as_posix())
        result.persons[split] = kept
    kept = []
    train, test = result.persons["train"], result.persons["test"]
    for person, (nearest, distance) in zip(train, nearest_thumbs(train, test), strict=True):
        if distance >= SAME_THUMB:
            kept.append(person)
            continue
        other = test[nearest].files.image.relative_to(root).as_posix()
        _drop(result, person, Reason.NEAR_LEAK, f"{other}, differs by {distance:.2f} of 255")
    result.persons["train"] = kept


def nearest_thumbs(queries: list[Person], others: list[Person]) -> Iterator[tuple[int, float]]:
    """Index in `others` of each query's most similar thumbnail, and their RMS difference.

    Infinitely far where there are no others. Works in blocks, so memory stays small.
    """
    if not others:
        yield from ((-1, np.inf) for _ in queries)
        return
    reference = _thumbs(others)
    norms = (reference**2).sum(axis=1)
    for start in range(0, len(queries), THUMB_BLOCK):
        block = _thumbs(queries[start : start + THUMB_BLOCK])
        squared = (block**2).sum(axis=1)[:, None] - 2 * block @ reference.T + norms
        nearest = squared.argmin(axis=1)
        for query, index in zip(block, nearest, strict=True):
            # Once more by difference: the expanded square is not exact near zero.
            rms = np.sqrt(np.mean((query - reference[index]) ** 2))
            yield int(index), float(rms)


def _thumbs(persons: list[Person]) -> NDArray[np.float32]:
    stacked = np.stack([np.frombuffer(p.report.thumb, np.uint8) for p in persons])
    return stacked.astype(np.float32)


def _drop_lonely(result: Review) -> None:
    """Leave out persons for whom there is no garment but their own to try on."""
    for split in SPLITS:
        digests: dict[Any, set[str]] = {}
        for garment in _offered(result, split):
            digests.setdefault(garment.files.category, set()).add(garment.report.digest)
        kept = []
        for person in result.persons[split]:
            worn = result.garments[split].get(person.files.garment or "")
            own = {worn.report.digest} if worn else set()
            if digests.get(person.files.category, set()) - own:
                kept.append(person)
            else:
                value = f"no other {person.files.category.name.lower()} garment in {split}"
                _drop(result, person, Reason.NO_OTHER_GARMENT, value)
        result.persons[split] = kept


def _offered(result: Review, split: str) -> list[Garment]:
    """Garments that may be drawn: in train those worn by the persons taken, in test all."""
    garments = result.garments[split]
    if split == "test":
        return list(garments.values())
    return [garments[p.files.garment] for p in result.persons[split] if p.files.garment]


def _garment_leaks(result: Review) -> None:
    """Note garment pictures of train that test shows too; nothing is left out for them."""
    tested = {g.report.digest: g for g in result.garments["test"].values()}
    root = result.catalogue.root
    for garment in _offered(result, "train"):
        other = tested.get(garment.report.digest)
        if other is not None:
            names = [g.files.image.relative_to(root).as_posix() for g in (garment, other)]
            result.findings.append(
                Finding(names[0], Reason.GARMENT_LEAK, names[1], "train", None, rejects=False)
            )


def _usable_pairs(result: Review) -> None:
    contents, usable = result.catalogue.splits["test"], result.garments["test"]
    chosen = {person.name for person in contents.persons}
    for pair, problem in unusable_pairs(contents, usable, chosen):
        assert contents.pairs_file is not None  # pairs come from it
        name = contents.pairs_file.relative_to(result.catalogue.root).as_posix()
        value = f"{shown(' '.join(pair))}: {problem}"
        result.findings.append(Finding(name, Reason.PAIRS, value, "test", None))
