"""The synthetic studio's true pictures, parsings and flows, at the networks' image size."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from pfafn.annotations.parsing import IDENTITY, ParsingError, canonical
from pfafn.models.parts import Parsing
from pfafn.photos.entrance import PersonPhoto, stored
from pfafn.photos.fitting import fit
from pfafn.photos.flow_files import fit_flow
from pfafn.photos.images import decode_ids, encode_png, read_bytes
from pfafn.samples.shards import ShardWriter

KINDS = ("tryon", "label", "flow")  # as the folders are called: truth/test_KIND
TRUTH = pa.schema([(kind, pa.binary()) for kind in KINDS])
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
            tryon, label, flow = _files(truth, pair)
            row: dict[str, bytes | None] = dict.fromkeys(KINDS)
            if tryon.is_file():
                row["tryon"] = stored(PersonPhoto.read(tryon).fitted(size))
            if label.is_file():
                row["label"] = _fit_label(label, size)
            if flow.is_file():
                flat = garment_sizes[pair.garment]
                row["flow"] = fit_flow(read_bytes(flow), flat, size, str(flow))
            shards.append(row)
    table = pd.DataFrame(known, columns=Pair._fields).drop(columns="name")
    table = table.astype({"item": "int64", "garment": "int64", "protocol": "str"})
    table.to_parquet(out / "truth.parquet", index=False)


def _fit_label(path: Path, size: tuple[int, int]) -> bytes:
    try:
        ids = canonical(decode_ids(read_bytes(path), str(path)), IDENTITY)
    except ParsingError as error:
        raise ParsingError(f"{path}: {error}") from error
    return encode_png(fit(ids, size, interpolation="nearest", fill=Parsing.BACKGROUND))


def _files(truth: Path, pair: Pair) -> list[Path]:
    return [truth / f"test_{kind}" / f"{pair.name}.png" for kind in KINDS]
