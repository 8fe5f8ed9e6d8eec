"""How fast a step of each stage of the published schedule is on the device."""

from collections.abc import Iterator

import torch

from benchmarks.gpu.findings import Check
from benchmarks.gpu.tryon import measured


def checks(device: torch.device) -> Iterator[Check]:
    return measured("schedule", device)
