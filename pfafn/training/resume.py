"""Resume points of a training: everything the next step depends on, as one safetensors file.

Weights, optimizer, torch's random generators and the loss curve. The order of samples and their
augmentation depend on (seed, epoch, item) alone, so the step number stands for the sampler's state.

The last two points are kept. Each carries the hash of its content; one that does not fit its hash
is set aside, and the one before it, or the beginning, takes its place: the result is the same.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from pfafn.kit.files import whole
from pfafn.kit.progress import tell
from pfafn.weights.content import Tensors, digest

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

    def restore(self, net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Put weights, optimizer state and random generators back, exactly.

        optimizer: a new one, with the groups that it had when the point was taken.
        """
        net.load_state_dict(self.of("net"))
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        states: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
        for key, value in self.of("optimizer").items():
            number, field = key.split(".")
            if value.ndim:  # in memory like its parameter, which a file does not tell
                value = torch.empty_like(parameters[int(number)]).copy_(value)
            states[int(number)][field] = value
        optimizer.load_state_dict(optimizer.state_dict() | {"state": dict(states)})
        torch.set_rng_state(self.tensors["rng.cpu"])
        if "rng.cuda" in self.tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(self.tensors["rng.cuda"])

    def of(self, part: str) -> dict[str, Tensor]:
        """The tensors of a part, by their names in it."""
        own = (key for key in self.tensors if key.startswith(f"{part}."))
        return {key.removeprefix(f"{part}."): self.tensors[key] for key in own}


def state(net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All that a resume point holds, as it is now: the next step changes most of it."""
    tensors = {f"net.{key}": value.detach() for key, value in net.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{field}": value for field, value in values.items()}
    tensors["rng.cpu"] = torch.get_rng_state()
    if torch.cuda.is_initialized():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    return tensors


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
    for path in filter(Path.is_file, (folder / FILE, folder / PREVIOUS)):
        try:
            return read_file(path)
        except Damaged as error:
            aside = path.with_name(path.name + DAMAGED)
            path.replace(aside)
            tell(f"{error}; set aside as {aside.name}, going back further")
    return None


def read_file(path: Path) -> Saved:
    """Raises Damaged if the content does not fit the hash in it."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if header["sha256"] != digest(tensors, header["point"]):
            raise Damaged(f"{path}: its content does not fit its hash")
        return Saved(ResumePoint(**json.loads(header["point"])), tensors)
    except (SafetensorError, KeyError, OSError, TypeError) as error:
        raise Damaged(f"{path}: no complete resume point ({error})") from error
