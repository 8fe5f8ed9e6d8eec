"""Resume points of a training: everything the next step depends on, as one safetensors file.

Weights, optimizer, torch's random generators and the loss curve. The order of samples and their
augmentation depend on (seed, epoch, item) alone, so the step number stands for the sampler's state.

The last two points are kept. Each carries the hash of its content; one that does not fit its hash
is set aside, and the one before it, or the beginning, takes its place: the result is the same.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from pfafn.kit import machine
from pfafn.kit.files import whole
from pfafn.weights.digest import Tensors, digest

FILE = "checkpoint.safetensors"
PREVIOUS = "previous.safetensors"
DAMAGED = ".damaged"  # suffix of a point that was set aside


class ResumePoint(NamedTuple):
    """Where a training stands, beside the weights."""

    step: int
    curve: dict[str, Any]  # of pfafn.training.curve.Curve
    seconds: float


class Damaged(ValueError):
    """A resume point is not what was written."""


class Saved(NamedTuple):
    """A resume point as it was read."""

    point: ResumePoint
    tensors: Tensors

    def restore(
        self, net: nn.Module, optimizer: torch.optim.Optimizer, names: dict[int, str]
    ) -> None:
        """Put weights, optimizer state and random generators back, exactly."""
        net.load_state_dict(
            {k.removeprefix("net."): v for k, v in self.tensors.items() if k.startswith("net.")}
        )
        states: dict[str, dict[str, Tensor]] = {}
        for key, value in self.tensors.items():
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
        set_generators(self.tensors)


def state(
    net: nn.Module, optimizer: torch.optim.Optimizer, names: dict[int, str]
) -> dict[str, Tensor]:
    """All that a resume point holds, as it is now: the next step changes most of it.

    names: parameter name of each id(parameter) in the optimizer.
    """
    tensors = {f"net.{key}": value.detach() for key, value in net.state_dict().items()}
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            tensors[f"adam.{names[id(parameter)]}.{key}"] = torch.as_tensor(value)
    return tensors | generators()


def copied(tensors: Tensors, into: Tensors) -> dict[str, Tensor]:
    """Copies on the CPU, after which the training may go on.

    into: earlier copies, whose memory is used again where name, shape and dtype are the same. New
    memory has to be given by the system page by page, which takes longer than the copying.
    """
    copies = {}
    for name, tensor in tensors.items():
        old = into.get(name)
        if old is None or (old.shape, old.dtype) != (tensor.shape, tensor.dtype):
            old = torch.empty(tensor.shape, dtype=tensor.dtype)
        copies[name] = old.copy_(tensor)
    return copies


def generators() -> dict[str, Tensor]:
    """State of torch's random generators: the CPU's and, if it was used, the GPU's."""
    states = {"rng.cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        states["rng.cuda"] = torch.cuda.get_rng_state()
    return states


def set_generators(states: Tensors) -> None:
    torch.set_rng_state(states["rng.cpu"])
    if "rng.cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["rng.cuda"])


def save(folder: Path, tensors: Tensors, point: ResumePoint) -> None:
    """Write atomically; the point that was there becomes the previous one."""
    told = json.dumps(point._asdict())
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / FILE) as scratch:
        header = {"point": told, "sha256": digest(tensors, told)}
        safetensors.torch.save_file(dict(tensors), scratch, header)
        if (folder / FILE).is_file():
            (folder / FILE).replace(folder / PREVIOUS)


def read(folder: Path) -> Saved | None:
    """The last sound resume point in `folder`, None if there is none.

    A damaged one is renamed and told of on standard error.
    """
    for path in (folder / FILE, folder / PREVIOUS):
        try:
            return read_file(path)
        except FileNotFoundError:
            continue
        except Damaged as error:
            aside = path.with_name(path.name + DAMAGED)
            path.replace(aside)
            print(f"{error}; set aside as {aside.name}, going back further", file=sys.stderr)
    return None


def read_file(path: Path) -> Saved:
    """Raises Damaged if the content does not fit the hash in it, FileNotFoundError without file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if header["sha256"] != digest(tensors, header["point"]):
            raise Damaged(f"{path}: its content does not fit its hash")
        return Saved(ResumePoint(**json.loads(header["point"])), tensors)
    except (SafetensorError, KeyError, OSError, TypeError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise Damaged(f"{path}: no complete resume point ({error})") from error


class Clock:
    """Training seconds over all tries, and when the next resume point is due."""

    def __init__(self, before: float, step: int) -> None:
        self.before = before
        self.started = self.saved = self.last = time.monotonic()
        self.saved_step = step
        self.saving = 0.0  # seconds that the training waited for resume points

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def due(self, step: int) -> bool:
        """Whether to save after this step.

        By time: if another step as long as this one would end later than the interval allows.
        """
        now = time.monotonic()
        self.last, took = now, now - self.last
        every = machine.checkpoint_steps()
        by_step = bool(every) and step - self.saved_step >= every
        return by_step or now - self.saved + took >= machine.checkpoint_seconds()

    def done(self, step: int, began: float) -> None:
        """A resume point of `step` was taken, which the training had to wait for since `began`."""
        self.last = self.saved = time.monotonic()
        self.saved_step = step
        self.saving += self.last - began
