"""What is compared: the network as its definition reads, and made fast, in both precisions."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from pfafn.fast.deploy import deploy
from pfafn.models.tryon import TryOnNet

PLAIN = "plain fp32"
PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16"}
Networks = dict[str, tuple[TryOnNet, torch.dtype]]


VARIANTS = (PLAIN, *PRECISIONS.values())


def networks(net: TryOnNet, device: torch.device, variants: tuple[str, ...] = VARIANTS) -> Networks:
    """A student plain, and rewritten for both precisions."""
    found = {}
    if PLAIN in variants:
        found[PLAIN] = (plain(net).requires_grad_(False).to(device), torch.float32)
    for dtype, name in PRECISIONS.items():
        if name in variants:
            found[name] = (deploy(copy.deepcopy(net), device, dtype), dtype)
    return found


def plain(net: TryOnNet) -> TryOnNet:
    """A copy of a network, weights included, as its definition reads, in torch's own layout."""
    return copy.deepcopy(net).float().to(memory_format=torch.contiguous_format)


@contextmanager
def computing(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """As a try-on computes."""
    lower = dtype == torch.bfloat16
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=lower):
        yield


def formed(given: list[Tensor], variant: str) -> list[Tensor]:
    """The inputs in the memory layout of the variant."""
    layout = torch.contiguous_format if variant == PLAIN else torch.channels_last
    return [each.to(memory_format=layout) for each in given]
