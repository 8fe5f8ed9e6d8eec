"""How a batch is read, and computed outside of training: device, layout and precision."""

from typing import Any

import cv2
import torch
from torch import Tensor

from pfafn import runtime


def loading(device: torch.device, workers: int | None = None) -> dict[str, Any]:
    """How a DataLoader reads for a device, in so many processes; by default PFAFN_WORKERS.

    For a GPU into pinned memory, from which it is copied while the GPU computes.
    """
    return {
        "num_workers": runtime.workers() if workers is None else workers,
        "pin_memory": device.type == "cuda",
        "worker_init_fn": one_thread,
    }


def one_thread(worker: int) -> None:
    """For a loader process: OpenCV as torch, or there would be threads for all cores in each."""
    cv2.setNumThreads(0)


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The batch on the device, pictures in the memory layout that convolutions are fast in."""
    return {
        name: value.to(device, memory_format=torch.channels_last, non_blocking=True)
        if value.ndim == 4
        else value.to(device, non_blocking=True)
        for name, value in batch.items()
    }


def autocast(device: torch.device) -> torch.autocast:
    """Context that computes in the device's precision (`pfafn.runtime`)."""
    lower = runtime.precision(device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=lower)
