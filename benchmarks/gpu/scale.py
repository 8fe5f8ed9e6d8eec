"""How much is asked of a device: published widths of a GPU, tiny ones of a CPU."""

from typing import Any

import torch
from torch import Tensor

from benchmarks.subject import QUICK, Scale


def scale_of(device: torch.device) -> Scale:
    if device.type == "cuda":
        return Scale(sizes=(), batches=(1, 8, 64), gallery_rounds=9, training_rounds=5)
    return QUICK._replace(sizes=(), batches=(1, 2))


def in_precision(sample: Any, dtype: torch.dtype) -> Any:
    """A tensor, or a named tuple of them; whole numbers stay as they are."""
    if isinstance(sample, Tensor):
        return sample.to(dtype) if sample.is_floating_point() else sample
    return type(sample)(*(in_precision(part, dtype) for part in sample))
