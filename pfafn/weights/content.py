"""What is in a model file: tensors, a JSON card in the header, and the hash of all of it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from pfafn.kit.errors import ModelError
from pfafn.kit.impostors import what_else

FORMAT = "pfafn/1"
READ_TOGETHER = 16  # tensors

Tensors = Mapping[str, Tensor]


def read_card(path: Path) -> dict[str, Any]:
    """The card of a model file. Raises ModelError if it is none of ours."""
    if not path.is_file():
        raise ModelError(f"no model at {path}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            card = json.loads((file.metadata() or {}).get("card", "null"))
    except (SafetensorError, ValueError) as error:
        if other := what_else(path):
            raise ModelError(f"{path} is {other}") from error
        raise ModelError(
            f"{path}: not a readable safetensors file ({error}); official checkpoints (.pth) need "
            "`import-official`, any other file is to be fetched again"
        ) from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ModelError(
            f"{path}: has no {FORMAT} card; official checkpoints need `import-official`"
        )
    return card


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a model file by name, in memory of their own.

    What was read of a mapped file counts as the process's memory while it is open, so that the file
    is opened for some tensors at a time: loading needs the weights' memory once, not twice.
    """
    with safetensors.safe_open(path, framework="pt") as file:
        names = list(file.keys())
    weights = {}
    for first in range(0, len(names), READ_TOGETHER):
        with safetensors.safe_open(path, framework="pt") as file:
            for name in names[first : first + READ_TOGETHER]:
                weights[name] = file.get_tensor(name).clone()
    return weights


def check_content(path: Path, card: dict[str, Any], weights: Tensors) -> None:
    """Raise ModelError unless card and weights are what was saved, to the bit."""
    expected, found = card.get("sha256"), content_hash(weights, card)
    if expected is None:
        raise ModelError(
            f"{path}: its card has no sha256, so its weights cannot be trusted; make it anew with "
            "`dvc repro` or `import-official`"
        )
    if found != expected:
        raise ModelError(
            f"{path} is damaged: its content has the SHA-256 {found[:12]}..., expected "
            f"{str(expected)[:12]}...; bring it back with `dvc checkout --force {path}` or fetch "
            "it again, else make it anew with `dvc repro` or `import-official`"
        )


def content_hash(weights: Tensors, card: dict[str, Any]) -> str:
    """What the card's `sha256` must be: over the weights and the rest of the card."""
    rest = {name: value for name, value in card.items() if name != "sha256"}
    return digest(weights, json.dumps(rest, sort_keys=True))


def digest(tensors: Tensors, told: str) -> str:
    """SHA-256 over `told` and, in the order of their names, names, dtypes, shapes and bytes.

    tensors: on the CPU, of any dtype and shape; told: what the file says beside them. Files carry
    it, so that no flipped bit is ever taken for a weight.
    """
    found = hashlib.sha256(told.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name}:{tensor.dtype}:{list(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def load_strictly(net: nn.Module, weights: dict[str, Tensor], source: object) -> None:
    """Load weights whose names and shapes all match; ModelError lists the first that do not."""
    own = net.state_dict()
    wrong = [f"{key} is missing" for key in own if key not in weights]
    wrong += [f"{key} is not of this network" for key in weights if key not in own]
    wrong += [
        f"{key} is {list(weights[key].shape)}, expected {list(own[key].shape)}"
        for key in own
        if key in weights and own[key].shape != weights[key].shape
    ]
    if wrong:
        raise ModelError(f"{source}: {len(wrong)} weights do not fit: {'; '.join(wrong[:3])}")
    empty = any(tensor.is_meta for tensor in own.values())
    net.load_state_dict(
        {key: tensor.to(own[key].dtype) for key, tensor in weights.items()}, assign=empty
    )
