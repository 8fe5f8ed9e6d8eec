"""How a batch is computed outside of training: on which device, in which layout and precision."""

import torch
from torch import Tensor

from pfafn import runtime


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The batch on the device, pictures in the memory layout that convolutions are fast in."""
    return {
        name: value.to(device, memory_format=torch.channels_last)
        if value.ndim == 4
        else value.to(device)
        for name, value in batch.items()
    }


def autocast(device: torch.device) -> torch.autocast:
    """Context that computes in the device's precision (`pfafn.runtime`)."""
    lower = runtime.precision(device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=lower)
