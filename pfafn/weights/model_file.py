"""Model files of try-on networks: safetensors whose header carries a JSON card and a hash."""

import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from pfafn.kit.files import whole
from pfafn.models.tryon import CONDITION, TryOnNet
from pfafn.weights.content import (
    FORMAT,
    ModelError,
    check_content,
    content_hash,
    load_strictly,
    read_card,
    read_weights,
)

GEOMETRY = "absolute grid, align_corners=True; resized with align_corners=False"


def save(net: nn.Module, path: Path, card: dict[str, Any]) -> None:
    """Write weights, card and the hash of both; equal weights and card give equal bytes.

    net: one with an `architecture`, its role and widths, which the card tells too.
    """
    told = {"format": FORMAT, "geometry": GEOMETRY, **net.architecture, **card}
    weights = {name: tensor.contiguous().cpu() for name, tensor in net.state_dict().items()}
    told["sha256"] = content_hash(weights, told)
    # One metadata key: the format does not keep the order of several, and bytes must repeat.
    header = {"card": json.dumps(told, sort_keys=True)}
    with whole(path) as scratch:
        safetensors.torch.save_file(weights, scratch, metadata=header)
        scratch.chmod(0o644)  # the library writes for the owner alone; a model is to be read


def load(
    path: Path, *, role: str | None = None, architecture: dict[str, Any] | None = None
) -> tuple[TryOnNet, dict[str, Any]]:
    """Read a model in eval mode and its card.

    Raises ModelError if the role, or an entry of `architecture` (channels, fpn, generator), differs
    from what the file holds, or if weights or card are not those that were saved.
    """
    card = read_card(path)
    if card.get("role") not in CONDITION:
        raise ModelError(f"{path}: role is {card.get('role')}, expected {' or '.join(CONDITION)}")
    wanted = {**({"role": role} if role else {}), **(architecture or {})}
    for name, value in wanted.items():
        if card.get(name) != value:
            raise ModelError(f"{path}: {name} is {card.get(name)}, expected {value}")
    weights = read_weights(path)
    check_content(path, card, weights)
    with torch.device("meta"):  # weights of its own would be drawn only to be replaced
        net = network_of(card)
    load_strictly(net, weights, path)
    return net.eval(), card


def network_of(card: dict[str, Any]) -> TryOnNet:
    """A network of the architecture that a card tells, with weights of its own."""
    widths = card["channels"], card["fpn"], card["generator"]
    beyond = {name: card[name] for name in ("keep", "tone", "tone_above", "hem") if name in card}
    return TryOnNet(card["role"], *widths, **beyond)
