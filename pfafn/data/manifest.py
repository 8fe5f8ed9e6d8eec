"""The tables of who and what is taken from a data set, and who tries on what."""

from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from pfafn.data.check import Review
from pfafn.data.layouts import SPLITS
from pfafn.data.pairing import Offer, Wearer, draw_test, draw_train
from pfafn.data.truth import NO_GARMENT
from pfafn.models.parts import Category
from pfafn.params.photos import Prepare


def tables(reviewed: Review, rules: Prepare, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The manifest, and the garments that it names by their rows; train first in both."""
    rows = count()
    offers = {
        split: [
            Offer(next(rows), files.name, files.category, report.digest)
            for files, report in reviewed.offered(split)
        ]
        for split in SPLITS
    }
    return _persons(reviewed, offers, rules, seed), _garments(reviewed, offers)


def _persons(
    reviewed: Review, offers: dict[str, list[Offer]], rules: Prepare, seed: int
) -> pd.DataFrame:
    """One row per person: who it is, what it wears, what it tries on, where its files are."""
    root = reviewed.catalogue.root
    scheme = rules.scheme(reviewed.catalogue.layout.scheme)
    rows: list[dict[str, Any]] = []
    for split in SPLITS:
        people = [p.files for p in reviewed.persons[split]]
        wearers = [Wearer(p.name, p.category, p.garment) for p in people]
        if split == "train":
            unpaired = draw_train(wearers, offers[split], rules.unpaired, seed)
        else:
            pairs = reviewed.catalogue.splits[split].pairs
            unpaired = draw_test(wearers, offers[split], pairs, seed)
        worn = {offer.name: offer.row for offer in offers[split]}
        for person, others in zip(reviewed.persons[split], unpaired, strict=True):
            files, (height, width) = person.files, person.report.size
            rows.append(
                {
                    "item": len(rows),
                    "split": split,
                    "person": files.name,
                    "category": files.category.name.lower(),
                    "garment": worn.get(files.garment, NO_GARMENT),
                    "unpaired": others,
                    "parsing_file": _relative(files.parsing, root),
                    "keypoints_file": _relative(files.keypoints, root),
                    "body_parts_file": _relative(files.body_parts, root),
                    "scheme": scheme,
                    "width": width,
                    "height": height,
                }
            )
    return pd.DataFrame(rows)


def _relative(path: Path | None, root: Path) -> str | None:
    return None if path is None else path.relative_to(root).as_posix()


def _garments(reviewed: Review, offers: dict[str, list[Offer]]) -> pd.DataFrame:
    """One row per garment: its name, whose it is, and where its mask comes from."""
    rows = [
        {
            "garment": offer.row,
            "name": offer.name,
            "split": split,
            "category": Category(offer.category).name.lower(),
            "mask_source": garment.report.mask_source,
        }
        for split in SPLITS
        for garment, offer in zip(reviewed.offered(split), offers[split], strict=True)
    ]
    return pd.DataFrame(rows)
