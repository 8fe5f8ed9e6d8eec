"""Checkpoint files of torch: their tensors by name, or what the file is instead."""

import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pfafn.kit.impostors import what_else
from pfafn.weights.model_file import ModelError

# Where training code puts the state dict beside epoch, optimizer and the like.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "params")
UNTRUSTED = re.compile(r"GLOBAL (\S+)")


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """A checkpoint's tensors; a wrapping dict and `module.` prefixes are taken off.

    Raises ModelError, saying what the file is and what to do, if it is missing, no checkpoint or
    holds numbers that are not finite.
    """
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}")
    if other := _of_zip(path) or what_else(path):
        raise ModelError(f"{path} is {other}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for damaged bytes
        raise ModelError(f"{path}: {_unreadable(error)}") from error
    state = unwrapped(content)
    if not state:
        told = sorted(map(str, content))[:8] if isinstance(content, dict) else type(content)
        raise ModelError(f"{path}: expected a state dict of tensors, got {told}")
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(
                f"{path}: {name} holds numbers that are not finite, so its training had failed; "
                "take an earlier checkpoint"
            )
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _of_zip(path: Path) -> str | None:
    """What a zip is, if it is none that torch.save wrote; None for any other file, too."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return None
    if not zipfile.is_zipfile(path):
        return "cut off or damaged: fetch it again"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        return None
    return f"a zip without a checkpoint in it, but {', '.join(names[:3])}: unpack it, give the .pth"


def _unreadable(error: Exception) -> str:
    objects = UNTRUSTED.search(str(error))
    if objects is None:
        return "damaged, or no checkpoint that torch.save wrote: fetch it again"
    return (
        f"holds {objects[1]}, and objects other than tensors may run code when they are read: they "
        "are refused. If you trust it, save its weights alone, `torch.save(net.state_dict(), FILE)`"
    )


def unwrapped(content: Any) -> dict[str, Tensor] | None:
    """The state dict in what a checkpoint holds; None if there is none, or no telling which.

    It may lie under a usual name, be the only one under any other (an average of the weights, say),
    or have numbers and texts beside its tensors (the epoch, say).
    """
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        return None
    inner = {name: unwrapped(value) for name, value in content.items()}
    found = {name: state for name, state in inner.items() if state}
    if usual := next((found[name] for name in WRAPPERS if name in found), None):
        return usual
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    plain = all(isinstance(value, Tensor | int | float | str) for value in content.values())
    if tensors and plain:
        return tensors
    return next(iter(found.values())) if len(found) == 1 else None
