"""Inspect many persons or garments, keeping what was found so that a kill loses next to nothing."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from pfafn.data.inspection import Finding, Report
from pfafn.kit.pool import ordered_map
from pfafn.samples.shards import Shards, ShardWriter

SCHEMA = pa.schema([("report", pa.string()), ("thumb", pa.binary())])

Files = TypeVar("Files")


def reports(
    inspect: Callable[[Files], Report],
    files: Sequence[Files],
    title: str,
    work: Path | None,
    *,
    root: Path,
    name: Callable[[Files], object],
) -> Iterable[Report]:
    """inspect(f) of each of `files`, in order; with `work`, by way of a folder in it.

    root: the data set's folder; name(f): what an error calls f.
    """
    inspected = partial(ordered_map, inspect, files, title, reads=[root], name=name)
    if work is None:
        return inspected()
    folder = work / title.replace(" ", "-")
    with ShardWriter(folder, SCHEMA, resume=True) as kept:
        for report in inspected(start=kept.rows):
            kept.append(to_row(report))
    stored = Shards(folder)
    return map(of_row, stored)


def to_row(report: Report) -> dict[str, Any]:
    told = report._asdict()
    thumb = told.pop("thumb")
    told["findings"] = [finding.as_json() for finding in report.findings]
    return {"report": json.dumps(told), "thumb": thumb}


def of_row(row: dict[str, Any]) -> Report:
    told = json.loads(row["report"])
    told["findings"] = tuple(Finding.of_json(finding) for finding in told["findings"])
    told["size"] = tuple(told["size"])
    return Report(**told, thumb=row["thumb"])
