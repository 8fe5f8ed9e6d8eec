"""The hash that weights carry in their file, so that no flipped bit is ever taken for a weight."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]


def digest(tensors: Tensors, told: str) -> str:
    """SHA-256 over `told` and, in the order of their names, names, dtypes, shapes and bytes.

    tensors: on the CPU, of any dtype and shape; told: what the file says beside them.
    """
    found = hashlib.sha256(told.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name}:{tensor.dtype}:{list(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()
