"""A tiny network that dresses people, and pictures for it."""

from pathlib import Path

import photoset
import torch

from pfafn.models.tryon import TryOnNet
from pfafn.weights import model_file

H, W = SIZE = (64, 96)
WIDTHS = {"channels": [4, 4, 4, 4, 4], "fpn": 8, "generator": 4}


def network(role: str, **other) -> TryOnNet:
    torch.manual_seed(5)
    return TryOnNet(role, **(WIDTHS | other)).eval()


def saved(path: Path, role: str, **other) -> Path:
    model_file.save(network(role, **other), path, {"image": list(SIZE)})
    return path


def pictures(size: tuple[int, int] = SIZE):
    """person, garment, mask."""
    return photoset.person(1, size), *photoset.garment(2, size)


def annotations(size: tuple[int, int] = SIZE):
    """parsing, keypoints."""
    return photoset.parsing(size), photoset.keypoints(size)
