"""The test split as it is evaluated: who tries on what, and what is known of the result.

paired    the garment the person wears already; the truth is the photo itself
unpaired  the first other garment of the manifest; only drawn data knows the truth, of photos it is
          known what of them stays as it is
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from pfafn.evaluation.truth import Truth, may_change
from pfafn.kit.errors import UserError
from pfafn.models.representation import clothes_mask
from pfafn.photos.flow_files import decode_flow
from pfafn.photos.images import quick_gray, quick_rgb
from pfafn.photos.tensors import to_pixels
from pfafn.samples.dataset import IDS, TestSamples
from pfafn.samples.sample import TestSample
from pfafn.samples.shards import Shards

PROTOCOL = {"name": "pfafn-test", "version": 1}  # raise it when a score means something else
PROTOCOLS = ("paired", "unpaired")


class NothingToEvaluate(UserError, ValueError):
    """The test split is empty; the message says what decides that."""


class Pair(NamedTuple):
    """One try-on that is evaluated."""

    item: int
    garment: int  # row of garments.parquet
    protocol: str


class TestSet:
    """The test split: samples, the pairs to evaluate, their names and what is known of them.

    Raises NothingToEvaluate without test persons, MissingInput naming a stage that has not run.
    """

    __test__ = False  # not a class of tests

    def __init__(self, prepare: Path, annotate: Path) -> None:
        self.samples = TestSamples(prepare, annotate)
        if not len(self.samples):
            raise NothingToEvaluate(
                f"{prepare}/manifest.parquet has no test person; give the data set a test split "
                "or set prepare.test_fraction"
            )
        manifest = self.samples.manifest
        garments = pd.read_parquet(prepare / "garments.parquet")
        self.persons: dict[int, str] = dict(zip(manifest["item"], manifest["person"], strict=True))
        self.garments: dict[int, str] = garments.set_index("garment")["name"].to_dict()
        self._worn = dict(zip(manifest["item"], manifest["garment"], strict=True))
        self._other = {row.item: int(row.unpaired[0]) for row in manifest.itertuples()}
        self._folders = (prepare, annotate)
        self._truth = Shards(prepare / "truth")
        self._truth_rows: dict[Pair, int] = {}
        table = prepare / "truth.parquet"
        if table.is_file() and len(truth := pd.read_parquet(table)):
            keys = zip(truth["item"], truth["garment"], truth["protocol"], strict=True)
            self._truth_rows = {Pair(*key): row for row, key in enumerate(keys)}

    def pair(self, item: int, protocol: str) -> Pair | None:
        """The garment tried on; None if the person wears none of the data set's."""
        garment = int((self._worn if protocol == "paired" else self._other)[item])
        return Pair(item, garment, protocol) if garment >= 0 else None

    def pairs(self) -> Iterator[Pair]:
        """All pairs of both protocols."""
        for protocol in PROTOCOLS:
            for item in self.persons:
                if pair := self.pair(item, protocol):
                    yield pair

    def known(self, pair: Pair | None) -> Truth:
        """Picture, parsing and flow of a pair, as far as the data set has them."""
        row = self._truth_rows.get(pair)
        if row is None:
            return Truth()
        stored = self._truth[row]
        name = f"truth of {self.persons[pair.item]} in {self.garments[pair.garment]}"
        found = {}
        if stored["tryon"] is not None:
            pixels = torch.from_numpy(quick_rgb(stored["tryon"], name))
            found["image"] = pixels.movedim(-1, 0) / 255
        if stored.get("label") is not None:
            found["shown"] = torch.from_numpy(quick_gray(stored["label"], name))
        if stored["flow"] is not None:
            flow, visible = map(torch.from_numpy, decode_flow(stored["flow"], name))
            found |= {"flow": flow.movedim(-1, 0), "visible": visible[None]}
        return Truth(**found)

    def protocol(self) -> dict[str, Any]:
        """What must be equal to compare two evaluations: protocol, pair list, what networks see."""
        prepare, annotate = self._folders
        shards = {name: Shards(prepare / name) for name in ("persons", "garments")}
        annotations = Shards(annotate / "shards")
        names, pictures = hashlib.sha256(), hashlib.sha256()
        ordered = sorted(self.pairs(), key=self._names)
        for pair in ordered:
            names.update("\t".join(self._names(pair)).encode() + b"\n")
            told = annotations[pair.item]  # moves tutor and baseline
            keypoints = np.asarray(told["keypoints"], np.float32).tobytes()
            stored = shards["persons"][pair.item] | {"keypoints": keypoints}
            stored |= {name: told[name] for name in ("parsing", "body_parts")}
            row = self._truth_rows.get(pair)
            truth = self._truth[row] if row is not None else {}
            for part in (stored, shards["garments"][pair.garment], truth):
                for name in sorted(part):
                    pictures.update(hashlib.sha256(part[name] or b"").digest())
        return {
            **PROTOCOL,
            "pairs": names.hexdigest(),
            "pictures": pictures.hexdigest(),
            "persons": len(self.persons),
            "image": list(self.samples[0].person.shape[-2:]),
        }

    def _names(self, pair: Pair) -> tuple[str, str, str]:
        # NOTE: names, not numbers: items are counted anew whenever training photos are added.
        return pair.protocol, self.persons[pair.item], self.garments[pair.garment]


def truths(test: TestSet, batch: TestSample, protocol: str) -> list[Truth | None]:
    """The truth for each sample of a batch; None where there is no pair to evaluate.

    Where the person's own clothes are is taken from the known flow of the paired garment if there
    is one, from the parsing otherwise. Unpaired without a true picture, the photo is the truth
    beside what may change.
    """
    may = may_change(batch.annotation).cpu()
    parsed = clothes_mask(batch.annotation.parsing.long(), batch.annotation.category).cpu()
    photos = torch.from_numpy(to_pixels(batch.person)).movedim(-1, 1) / 255
    found: list[Truth | None] = []
    for i, (item, photo, worn) in enumerate(zip(batch.item.tolist(), photos, parsed, strict=True)):
        told = {name: getattr(batch.annotation, name)[i].cpu() for name in IDS}
        own = test.known(test.pair(item, "paired"))
        if own.visible is not None:
            worn = own.visible
        pair = test.pair(item, protocol)
        if pair is None:
            found.append(None)
        elif protocol == "paired":
            found.append(own._replace(image=photo, clothes=worn, region=worn, **told))
        else:
            other = test.known(pair)
            if other.visible is not None:
                region = other.visible | worn
                other = other._replace(clothes=other.visible, region=region, **told)
            if other.image is None:
                region = may[i] if other.region is None else other.region
                other = other._replace(image=photo, region=region, whole=False, **told)
            found.append(other)
    return found
