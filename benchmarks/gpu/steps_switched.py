"""A training as it may be computed otherwise is that of the default.

A switch more is a line more in STEPS, by what the environment says.
"""

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.gpu.findings import Check, Found
from benchmarks.gpu.trainings import compared, straight, train

STEPS: dict[str, dict[str, str]] = {
    "recomputed": {"PFAFN_RECOMPUTE": "1"},
    "not recorded": {"PFAFN_GRAPH": "0"},
    "compiled": {"PFAFN_COMPILE": "1"},  # the last, as it takes minutes
}
GPU_ALONE = ("not recorded", "compiled")


def checks(device: torch.device) -> Iterator[Check]:
    for name, environment in STEPS.items():
        if name in GPU_ALONE and device.type != "cuda":
            yield name, lambda: Found("there is none on a CPU")
        else:
            yield name, partial(steps, environment)


def steps(environment: dict[str, str]) -> Found:
    """The losses of a small training with a switch, against those without."""
    straight()  # without
    with tempfile.TemporaryDirectory() as work, patch.dict(os.environ, environment):
        return compared(train(Path(work)))
