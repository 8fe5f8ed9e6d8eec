"""Checkpoint files of torch: their tensors by name, or what the file is instead."""

import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pfafn.weights.model_file import ModelError

# Where training code puts the state dict beside epoch, optimizer and the like.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "params")
HEAD = 512  # bytes that tell what a file is
LFS = b"version https://git-lfs"
UNTRUSTED = re.compile(r"GLOBAL (\S+)")


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """A checkpoint's tensors; a wrapping dict and `module.` prefixes are taken off.

    Raises ModelError, saying what the file is and what to do, if it is missing or no checkpoint.
    """
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}")
    if other := what_else(path):
        raise ModelError(f"{path} is {other}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for damaged bytes
        raise ModelError(f"{path}: {_unreadable(error)}") from error
    state = unwrapped(content)
    if not state:
        told = sorted(map(str, content))[:8] if isinstance(content, dict) else type(content)
        raise ModelError(f"{path}: expected a state dict of tensors, got {told}")
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def what_else(path: Path) -> str | None:
    """What a file is that is no checkpoint, and what to do; None if it may be one."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.strip(b"\0"):
        return "empty: fetch it again"
    if head.startswith(LFS):
        return "a Git LFS pointer, not the file: run `git lfs pull` in the repository it is of"
    if re.match(rb"\s*<(!doctype|html|\?xml)", head, re.IGNORECASE):
        return (
            "a web page, not a checkpoint (a page to confirm, or an error such as a quota that is "
            "used up): open its address in a browser and save the file itself"
        )
    if head.startswith(b"PK"):
        return _of_zip(path)
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        said = head[:60].decode().split("\n")[0]
        return f"a text, not a checkpoint; it begins with {said!r}: fetch the file itself"
    return None


def _of_zip(path: Path) -> str | None:
    """torch.save writes a zip, too."""
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
    """The state dict in what a checkpoint holds; None if there is none."""
    if not isinstance(content, dict):
        return None
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return content
    inner = (unwrapped(content[name]) for name in WRAPPERS if name in content)
    return next((state for state in inner if state), None)
