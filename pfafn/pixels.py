"""Network tensors to pictures."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def to_pixels(images: Tensor) -> NDArray[np.uint8]:
    """float [B, C, H, W] in [-1, 1] -> uint8 [B, H, W, C], rounded to nearest."""
    scaled = (images.detach().float().clamp(-1, 1) + 1) * 127.5
    return scaled.round().byte().movedim(1, -1).cpu().numpy()
