"""The synthetic studio's true pictures and flows, at the networks' image size."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from pfafn.photos.entrance import PersonPhoto, stored
from pfafn.photos.flow_files import fit_flow
from pfafn.photos.images import read_bytes
from pfafn.samples.shards import ShardWriter

TRUTH = pa.schema([("tryon", pa.binary()), ("flow", pa.binary())])
NO_GARMENT = -1  # in the manifest: the data set has no picture of the garment worn


class Pair(NamedTuple):
    """A test person in a garment."""

    item: int
    garment: int  # row of garments.parquet
    protocol: str  # "paired" or "unpaired"
    name: str  # stem of the truth files


def pairs_of_test(manifest: pd.DataFrame, garments: pd.DataFrame) -> Iterator[Pair]:
    """All test pairs of a manifest, paired ones first."""
    names = garments["name"]
    test = manifest[manifest["split"] == "test"]
    for protocol in ("paired", "unpaired"):
        for row in test.itertuples():
            for garment in [row.garment] if protocol == "paired" else row.unpaired:
                if garment != NO_GARMENT:
                    yield Pair(row.item, garment, protocol, f"{row.person}__{names[garment]}")


def write_truth(
    out: Path,
    truth: Path,
    pairs: Iterable[Pair],
    garment_sizes: Sequence[tuple[int, int]],
    size: tuple[int, int],
) -> None:
    """Write truth/ and truth.parquet into `out` for the pairs that the `truth` folder knows.

    garment_sizes: (height, width) of the source pictures, by garment row. Row r of the table is row
    r of the shards; both are empty for photos, whose truth nobody knows.
    """
    known = [pair for pair in pairs if any(path.is_file() for path in _files(truth, pair))]
    with ShardWriter(out / "truth", TRUTH) as shards:
        for pair in known:
            tryon, flow = _files(truth, pair)
            row: dict[str, bytes | None] = {"tryon": None, "flow": None}
            if tryon.is_file():
                row["tryon"] = stored(PersonPhoto.read(tryon).fitted(size))
            if flow.is_file():
                flat = garment_sizes[pair.garment]
                row["flow"] = fit_flow(read_bytes(flow), flat, size, str(flow))
            shards.append(row)
    table = pd.DataFrame(known, columns=Pair._fields).drop(columns="name")
    table = table.astype({"item": "int64", "garment": "int64", "protocol": "str"})
    table.to_parquet(out / "truth.parquet", index=False)


def _files(truth: Path, pair: Pair) -> tuple[Path, Path]:
    return truth / "test_tryon" / f"{pair.name}.png", truth / "test_flow" / f"{pair.name}.png"
