"""Pictures to network tensors and back."""

from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Batch = TypeVar("Batch", bound=Tensor | tuple)


def to_bytes(images: Tensor) -> Tensor:
    """float [B, C, H, W] in [-1, 1] -> uint8 [B, H, W, C] on its device, rounded to nearest."""
    scaled = (images.detach().float().clamp(-1, 1) + 1) * 127.5
    return scaled.round().byte().movedim(1, -1)


def to_pixels(images: Tensor) -> NDArray[np.uint8]:
    """`to_bytes` as an array."""
    return to_bytes(images).cpu().numpy()


# What a byte of a picture is to the networks: -1 .. 1, rounded as torchvision does.
VALUES = (np.arange(256).astype(np.float32) / 255 - 0.5) / 0.5


def picture_tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """uint8 RGB [H, W, 3] -> float32 [3, H, W] in [-1, 1]: VALUES."""
    planes = np.empty((3, *rgb.shape[:2]), np.float32)
    for plane, channel in zip(planes, cv2.split(rgb), strict=True):
        cv2.LUT(channel, VALUES, dst=plane)
    return torch.from_numpy(planes)


def mask_tensor(mask: NDArray[np.uint8]) -> Tensor:
    """uint8 mask [H, W] in {0, 255} -> float32 [1, H, W] in {0, 1}."""
    return torch.from_numpy((mask != 0).astype(np.float32))[None]


def to_device(batch: Batch, device: torch.device) -> Batch:
    """A tensor, or a named tuple of them at any depth, on the device.

    Pictures come in the memory layout that convolutions are fast in.
    """
    if isinstance(batch, tuple):
        return type(batch)(*(to_device(part, device) for part in batch))
    layout = torch.channels_last if batch.ndim == 4 else torch.preserve_format
    return batch.to(device, memory_format=layout, non_blocking=True)
