"""Whose annotation comes with whom, and whose arms tell whether a garment leaves arms bare."""

from pathlib import Path

import numpy as np
import pandas as pd
import photoset
import pyarrow as pa
import pytest

from pfafn.photos.images import encode_png
from pfafn.samples.dataset import UnpairedSamples
from pfafn.samples.shards import ShardWriter

SIZE = (32, 64)


def write(folder: Path, rows: list[dict[str, bytes | list[float]]]) -> None:
    types = {bytes: pa.binary(), list: pa.list_(pa.float32())}
    schema = pa.schema([(name, types[type(value)]) for name, value in rows[0].items()])
    with ShardWriter(folder, schema) as writer:
        for row in rows:
            writer.append(row)


def first(folder: Path, worn: str, splits: str, of: int = 0) -> dict[str, int]:
    """The ids that fill the annotation of the first train person and of the garment's wearer.

    worn: the garment that each person wears; splits: r (train) or e (test) for each. Person n's
    parsing is n + 1 everywhere and its body parts are n + 11; of: the garment to be tried on.
    """
    count = len(worn)
    write(folder / "persons", [{"image": encode_png(photoset.person(0, SIZE))}] * count)
    rgb, mask = photoset.garment(0, SIZE)
    write(folder / "garments", [{"image": encode_png(rgb), "mask": encode_png(mask)}] * count)
    ids = [[encode_png(np.full(SIZE, n + k, np.uint8)) for k in (1, 11)] for n in range(count)]
    points = [0.0] * 54
    write(
        folder / "annotate" / "shards",
        [{"parsing": p, "body_parts": b, "keypoints": points} for p, b in ids],
    )
    table = {
        "item": range(count), "split": [{"r": "train", "e": "test"}[s] for s in splits],
        "person": [f"p{n}" for n in range(count)], "category": "upper",
        "garment": [int(g) for g in worn], "unpaired": [[of]] * count,
    }  # fmt: skip
    pd.DataFrame(table).to_parquet(folder / "manifest.parquet")
    sample = UnpairedSamples(folder, folder / "annotate", 0)[0]
    ids = {"parsing": sample.annotation.parsing, "body_parts": sample.annotation.body_parts}
    ids |= {f"wearer_{name}": value for name, value in sample.wearer._asdict().items()}
    return {name: int(value.unique().item()) for name, value in ids.items()}


@pytest.mark.parametrize(
    ("worn", "splits", "person"),
    [
        ("012", "rrr", 2),
        ("0122", "rrrr", 2),  # the first of several
        ("212", "err", 2),  # nobody of the other split, though it comes first
    ],
)
def test_the_wearer_is_the_first_of_the_split(
    worn: str, splits: str, person: int, tmp_path: Path
) -> None:
    ids = first(tmp_path, worn, splits, of=2)
    assert (ids["wearer_parsing"], ids["wearer_body_parts"]) == (person + 1, person + 11)


def test_a_garment_worn_in_the_other_split_alone_has_no_wearer(tmp_path: Path) -> None:
    ids = first(tmp_path, "012", "rre", of=2)
    assert (ids["wearer_parsing"], ids["wearer_body_parts"]) == (0, 0)


@pytest.mark.parametrize(("splits", "person"), [("rre", 0), ("err", 1)])
def test_a_person_comes_with_its_own_annotation(splits: str, person: int, tmp_path: Path) -> None:
    ids = first(tmp_path, "012", splits)
    assert (ids["parsing"], ids["body_parts"]) == (person + 1, person + 11)
