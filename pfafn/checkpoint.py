"""Resume points of a training: everything the next step depends on, as one safetensors file.

The order of samples and their augmentation depend on (seed, epoch, item) alone, so the step number
stands for the sampler's and every generator's state.
"""

import json
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import nn

from pfafn import runtime

FILE = "checkpoint.safetensors"


class ResumePoint(NamedTuple):
    """Where a training stands, beside the weights."""

    step: int
    curve: dict[str, Any]  # of pfafn.curve.Curve
    seconds: float


def save(
    folder: Path,
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    names: dict[int, str],
    point: ResumePoint,
) -> None:
    """Write atomically. names: parameter name of each id(parameter) in the optimizer."""
    tensors = {f"net.{k}": v.contiguous() for k, v in net.state_dict().items()}
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            tensors[f"adam.{names[id(parameter)]}.{key}"] = torch.as_tensor(value).contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{FILE}.partial"
    safetensors.torch.save_file(tensors, scratch, {"point": json.dumps(point._asdict())})
    scratch.replace(folder / FILE)


def load(
    folder: Path, net: nn.Module, optimizer: torch.optim.Optimizer, names: dict[int, str]
) -> None:
    """Put weights and optimizer state of the resume point in `folder` back, exactly."""
    tensors = safetensors.torch.load_file(folder / FILE)
    net.load_state_dict(
        {k.removeprefix("net."): v for k, v in tensors.items() if k.startswith("net.")}
    )
    states: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("adam."):
            name, field = key.removeprefix("adam.").rsplit(".", 1)
            states.setdefault(name, {})[field] = value
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if state := states.get(names[id(parameter)]):
                # Adam keeps its step counter on the CPU, its moments in the parameter's image.
                optimizer.state[parameter] = {
                    k: v if k == "step" else torch.empty_like(parameter).copy_(v)
                    for k, v in state.items()
                }


def peek(folder: Path) -> ResumePoint | None:
    """The resume point in `folder`, None if there is none."""
    if not (folder / FILE).is_file():
        return None
    with safetensors.safe_open(folder / FILE, framework="pt") as file:
        return ResumePoint(**json.loads(file.metadata()["point"]))


def discard(folder: Path) -> None:
    """Remove a finished training's resume point."""
    shutil.rmtree(folder, ignore_errors=True)


class Clock:
    """Training seconds over all tries, and when the next resume point is due."""

    def __init__(self, before: float) -> None:
        self.before = before
        self.started = self.saved = time.monotonic()

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def due(self) -> bool:
        if time.monotonic() - self.saved < runtime.checkpoint_seconds():
            return False
        self.saved = time.monotonic()
        return True
