"""Who tries on what: the garments other than their own that persons are paired with.

Decided once, seeded, and stored. A garment counts as a person's own also under another name, if its
picture is the same.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from pfafn.data.catalogue import Split
from pfafn.models.parts import Category


@dataclass(frozen=True)
class Offer:
    """A garment that may be tried on."""

    row: int  # in garments.parquet
    name: str
    category: Category
    digest: str  # of its picture


@dataclass(frozen=True)
class Wearer:
    """A person who looks for garments; `garment` is the name of the one worn."""

    name: str
    category: Category
    garment: str | None


def draw_train(
    persons: Sequence[Wearer], offers: Sequence[Offer], count: int, seed: int
) -> list[list[int]]:
    """Rows of `count` distinct garments (fewer if there are fewer) for every person.

    A person's draw depends on seed, name and the garments offered, not on the other persons.
    """
    shelves, worn = _shelves(offers), {offer.name: offer for offer in offers}
    copies = Counter((offer.category, offer.digest) for offer in offers)
    drawn = []
    for person in persons:
        shelf = shelves[person.category]
        own = worn[person.garment].digest if person.garment else ""
        rng = np.random.default_rng([seed, crc32(person.name.encode())])
        size = min(len(shelf), count + copies[person.category, own])
        picks = rng.choice(len(shelf), size, replace=False)
        drawn.append([shelf[i].row for i in picks if shelf[i].digest != own][:count])
    return drawn


def draw_test(
    persons: Sequence[Wearer],
    offers: Sequence[Offer],
    pairs: Sequence[tuple[str, str]],
    seed: int,
) -> list[list[int]]:
    """Rows of the garments that the pairs file lists for every person.

    A person without a usable pair gets one garment: the next one on a seeded ring of all garments,
    so that persons with garments of their own exchange them one to one.
    """
    by_name = {offer.name: offer for offer in offers}
    listed: dict[str, list[Offer]] = {}
    for person, garment in pairs:
        if garment in by_name:
            listed.setdefault(person, []).append(by_name[garment])
    rings = _shelves(offers)
    for category, shelf in rings.items():
        order = np.random.default_rng([seed, category]).permutation(len(shelf))
        rings[category] = [shelf[i] for i in order]
    places = {offer.name: i for ring in rings.values() for i, offer in enumerate(ring)}
    drawn = []
    for number, person in enumerate(persons):
        own = by_name[person.garment].digest if person.garment else ""
        chosen = [
            offer.row
            for offer in listed.get(person.name, [])
            if offer.category == person.category and offer.digest != own
        ]
        if not chosen:
            ring = rings[person.category]
            start = places[person.garment] + 1 if person.garment else number
            following = (ring[(start + step) % len(ring)] for step in range(len(ring)))
            chosen = [next(offer.row for offer in following if offer.digest != own)]
        drawn.append(list(dict.fromkeys(chosen)))
    return drawn


def unusable_pairs(
    split: Split, usable: Mapping[str, object]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Lines of the pairs file that cannot be followed, with the reason.

    usable: the garments that passed.
    """
    known = {person.name for person in split.persons}
    for person, garment in split.pairs:
        if person not in known:
            yield (person, garment), "no such person"
        elif garment not in split.garments:
            yield (person, garment), "no such garment"
        elif garment not in usable:
            yield (person, garment), "this garment was rejected; another one is drawn"


def _shelves(offers: Sequence[Offer]) -> dict[Category, list[Offer]]:
    shelves: dict[Category, list[Offer]] = {}
    for offer in offers:
        shelves.setdefault(offer.category, []).append(offer)
    return shelves
