"""Validate a whole data folder: what `prepare` takes, and what it leaves out and why."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pfafn.annotations.systematic import of_garments, of_persons
from pfafn.data.catalogue import Catalogue, GarmentFiles, PersonFiles, read_catalogue, shown
from pfafn.data.findings import Finding, Reason, Report
from pfafn.data.inspection import Inspector
from pfafn.data.layouts import SPLITS, TEST_PAIRS
from pfafn.data.pairing import unusable_pairs
from pfafn.data.reports import reports
from pfafn.data.thumbs import SAME_THUMB, nearest_thumbs
from pfafn.kit.spelling import spelt
from pfafn.models.parts import Category
from pfafn.params.photos import Limit, Prepare

# The rules of `check` where there is no params file; a test holds them equal to params.yaml.
DEFAULTS = Prepare(
    max_rejected=0.2, limit=Limit(train=None, test=None), test_fraction=0.1, unpaired=1,
    min_mask=0.02, max_mask=0.9, parsing="auto", implausible="reject",
)  # fmt: skip
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
    def damaged_fraction(self) -> float:
        """Share of the persons left out because something is wrong with their files."""
        dropped = sum(finding.reason in DEDUPLICATION for finding in self.findings)
        return (self.rejected - dropped) / max(1, self.examined)

    def name(self, path: Path) -> str:
        """What findings call a file."""
        return shown(path.relative_to(self.catalogue.root).as_posix())

    def note(
        self, path: Path, reason: Reason, value: str | None, split: str, rejects: bool = True
    ) -> None:
        """Add a finding about a file that is no sample's."""
        self.findings.append(Finding(self.name(path), reason, value, split, None, rejects))

    def drop(self, person: Person, reason: Reason, value: str) -> None:
        """Add why a person is left out whose files are in order."""
        file, split, name = self.name(person.files.image), person.files.split, person.files.name
        self.findings.append(Finding(file, reason, value, split, name))

    def offered(self, split: str) -> list[Garment]:
        """Garments that may be drawn: in train those worn by the persons taken, in test all."""
        garments = self.garments[split]
        if split == "test":
            return list(garments.values())
        worn = {person.files.garment for person in self.persons[split]} - {None}
        return [garments[name] for name in sorted(worn)]


def check(
    data: Path, rules: Prepare = DEFAULTS, seed: int = 0, *, annotated: bool = True
) -> list[Finding]:
    """What `prepare` would find in a data folder, without writing anything.

    A finding rejects if `prepare` would stop or leave something out. Raises MissingInput if there
    is no data and LayoutError if it is in no known layout.
    """
    result = review(data, rules, seed, annotated=annotated)
    if any(result.persons.values()):
        return result.findings
    said = f"none of {result.examined} persons can be used"
    return [*result.findings, Finding(".", Reason.NOBODY, said, "", None)]


def review(
    data: Path, rules: Prepare, seed: int, work: Path | None = None, *, annotated: bool = True
) -> Review:
    """Look into every file of a data folder and decide what is taken.

    work: where what was found is kept, to go on from there after a kill; None keeps nothing.
    annotated: whether annotations are looked at, and needed.

    A sample is taken if its person and its worn garment have no finding. A person picture that
    occurs again is taken once, and from test rather than from train. The limits count what is
    taken: the whole folder is looked into all the same.
    """
    data = data.absolute()  # workers elsewhere may stand in another folder
    how = {"seed": seed, "test_fraction": rules.test_fraction, "annotated": annotated}
    result = Review(read_catalogue(data, **how))
    catalogue = result.catalogue
    inspector = Inspector(data, catalogue.layout, rules)
    _strays_and_lines(result)
    persons = {split: catalogue.splits[split].persons for split in SPLITS}
    garments = {split: _garments(catalogue, split, persons[split]) for split in SPLITS}
    everything = [files for split in SPLITS for files in (*garments[split], *persons[split])]
    found = iter(reports(inspector.look, everything, data, work))
    for split in SPLITS:
        pictures = [Garment(files, next(found)) for files in garments[split]]
        people = [Person(files, next(found)) for files in persons[split]]
        result.findings += [f for one in (*pictures, *people) for f in one.report.findings]
        usable = result.garments[split] = {g.files.name: g for g in pictures if g.report.usable}
        result.persons[split] = [
            person
            for person in people
            if person.report.usable and (not person.files.garment or person.files.garment in usable)
        ]
        result.examined += len(people)
        _systematic(result, split, [*pictures, *people], rules.strict)
    _drop_repeated(result)
    _usable_pairs(result)
    _limit(result, rules.limit)
    _drop_lonely(result)
    _garment_leaks(result)
    return result


def _systematic(result: Review, split: str, looked: list[Person | Garment], rejects: bool) -> None:
    """Add what is implausible in most persons or garments of a category, naming their folder."""
    for category in Category:
        ours = [one for one in looked if one.files.category is category]
        persons = [one.report.agreement for one in ours if one.report.agreement]
        borders = [one.report.border for one in ours if one.report.border is not None]
        for doubt in filter(None, (of_persons(persons), of_garments(borders))):
            paths = (getattr(one.files, doubt.role, None) for one in ours)
            folder = next(path for path in paths if path).parent
            result.note(folder, Reason.SYSTEMATIC, doubt.text, split, rejects)


def _limit(result: Review, limit: Limit) -> None:
    """Keep the first persons by name, and the garments that matter to them."""
    for split, most in (("train", limit.train), ("test", limit.test)):
        if most is None:
            continue
        result.beyond_limit += len(result.persons[split][most:])
        kept = result.persons[split] = result.persons[split][:most]
        wanted = _garments(result.catalogue, split, [person.files for person in kept])
        usable = result.garments[split]
        result.garments[split] = {g.name: usable[g.name] for g in wanted if g.name in usable}


def _strays_and_lines(result: Review) -> None:
    for path in result.catalogue.strays:
        pairs = "pair" in spelt(path.name) and path.parent == result.catalogue.root
        value = f"not read; a pairs file is called {TEST_PAIRS[3]}, for one" if pairs else None
        result.note(path, Reason.STRAY_FILE, value, "", rejects=False)
    for path, files in result.catalogue.unused.items():
        value = f"{files} files that layout {result.catalogue.layout.name} does not know"
        result.note(path, Reason.UNUSED_FOLDER, value, "", rejects=False)
    for path, line in result.catalogue.bad_lines:
        result.note(path, Reason.PAIRS, shown(line), "test")


def _garments(catalogue: Catalogue, split: str, persons: list[PersonFiles]) -> list[GarmentFiles]:
    """Garments that matter to the chosen persons: worn, paired, and in test those of nobody."""
    contents = catalogue.splits[split]
    chosen = {person.name for person in persons}
    wanted = {person.garment for person in persons}
    wanted |= {garment for person, garment in contents.pairs if person in chosen}
    if split == "test":
        wanted |= contents.garments.keys() - {person.garment for person in contents.persons}
    return [contents.garments[name] for name in sorted(wanted & contents.garments.keys())]


def _drop_repeated(result: Review) -> None:
    """Leave out person pictures seen before: test comes first, so a leak costs the train copy."""
    seen: dict[str, Person] = {}
    for split in reversed(SPLITS):
        kept = []
        for person in result.persons[split]:
            first = seen.setdefault(person.report.digest, person)
            if first is person:
                kept.append(person)
            else:
                reason = Reason.DUPLICATE if first.files.split == split else Reason.LEAK
                result.drop(person, reason, result.name(first.files.image))
        result.persons[split] = kept
    kept = []
    train, test = result.persons["train"], result.persons["test"]
    thumbs = ([person.report.thumb for person in split] for split in (train, test))
    for person, (nearest, distance) in zip(train, nearest_thumbs(*thumbs), strict=True):
        if distance >= SAME_THUMB:
            kept.append(person)
        else:
            other = result.name(test[nearest].files.image)
            result.drop(person, Reason.NEAR_LEAK, f"{other}, differs by {distance:.2f} of 255")
    result.persons["train"] = kept


def _drop_lonely(result: Review) -> None:
    """Leave out persons for whom there is no garment but their own to try on."""
    for split in SPLITS:
        digests: dict[Category, set[str]] = defaultdict(set)
        for garment in result.offered(split):
            digests[garment.files.category].add(garment.report.digest)
        kept = []
        for person in result.persons[split]:
            worn = result.garments[split].get(person.files.garment)
            if not digests[person.files.category] <= {worn and worn.report.digest}:
                kept.append(person)
            else:
                value = f"no other {person.files.category.name.lower()} garment in {split}"
                result.drop(person, Reason.NO_OTHER_GARMENT, value)
        result.persons[split] = kept


def _garment_leaks(result: Review) -> None:
    """Note garment pictures of train that test shows too; nothing is left out for them."""
    tested = {g.report.digest: g for g in result.garments["test"].values()}
    for garment in result.offered("train"):
        other = tested.get(garment.report.digest)
        if other is not None:
            twin = result.name(other.files.image)
            result.note(garment.files.image, Reason.GARMENT_LEAK, twin, "train", rejects=False)


def _usable_pairs(result: Review) -> None:
    contents = result.catalogue.splits["test"]
    for pair, problem in unusable_pairs(contents, result.garments["test"]):
        assert contents.pairs_file is not None  # pairs come from it
        value = f"{shown(' '.join(pair))}: {problem}"
        result.note(contents.pairs_file, Reason.PAIRS, value, "test")
