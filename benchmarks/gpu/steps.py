"""How fast a step of each stage of the published schedule is on the device, not compiled.

Compiling takes minutes for each stage: `python -m benchmarks --only schedule` has them.
"""

import os
from collections.abc import Iterator

import torch

from benchmarks.gpu.findings import Check
from benchmarks.gpu.tryon import measured


def checks(device: torch.device) -> Iterator[Check]:
    os.environ.setdefault("PFAFN_COMPILE", "0")
    return measured("schedule", device)
