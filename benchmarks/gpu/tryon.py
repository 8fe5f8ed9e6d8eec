"""How fast a try-on is on the device, beside the most that it computes and moves."""

from collections.abc import Iterator

import torch

from benchmarks.__main__ import measure
from benchmarks.gpu.findings import Check, Found
from benchmarks.gpu.scale import scale_of
from benchmarks.rows import Row, amount, to_json


def checks(device: torch.device) -> Iterator[Check]:
    return measured("growth", device)


def measured(section: str, device: torch.device) -> Iterator[Check]:
    """Each row of a section of the long benchmark, and of the machine's ceilings."""
    for row in measure(scale_of(device), (section,), device):
        yield f"{row.case}, {row.variant}", lambda row=row: told(row)


def told(row: Row) -> Found:
    gain = f", {row.gain.median:.2f}x" if row.gain else ""
    note = f"; {row.note}" if row.note else ""
    return Found(f"{amount(row.cost.median, row.unit)}{gain}{note}", numbers=to_json(row))
