"""Inspect many persons or garments, keeping what was found so that a kill loses next to nothing."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
from pydantic import ConfigDict, TypeAdapter

from pfafn.data.catalogue import GarmentFiles, PersonFiles
from pfafn.data.findings import Report
from pfafn.samples.shards import Shards, ShardWriter
from pfafn.workers.pool import ordered_map

SCHEMA = pa.schema([("report", pa.string())])
STORED = TypeAdapter(
    Report,
    config=ConfigDict(
        ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants"
    ),
)

Files = PersonFiles | GarmentFiles


def reports(
    inspect: Callable[[Files], Report], files: Sequence[Files], root: Path, work: Path | None
) -> Iterable[Report]:
    """inspect(f) of each of `files`, in order; with `work`, by way of a folder in it.

    root: the data set's folder.
    """
    inspected = partial(
        ordered_map, inspect, files, "inspect photos", reads=[root], name=lambda one: one.image
    )
    if work is None:
        return inspected()
    folder, fresh = work / "inspected", []
    with ShardWriter(folder, SCHEMA, resume=True) as kept:
        before = kept.rows
        for report in inspected(start=before):
            kept.append({"report": STORED.dump_json(report).decode()})
            fresh.append(report)
    stored = Shards(folder)
    return [*(STORED.validate_json(stored[row]["report"]) for row in range(before)), *fresh]
