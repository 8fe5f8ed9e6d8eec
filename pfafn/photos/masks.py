"""Garment masks: from a file, or estimated from the garment's photo."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
MaskSource = Literal["file", "alpha", "white", "grabcut"]  # file: given with the photo

SOLID = 127  # a mask's pixel counts above this value, so JPEG noise does not
ON, OFF = 255, 0
NEAR_WHITE = 246  # darkest channel of a pixel that may be a white background
WHITE_BORDER = 0.85  # share of near-white border pixels that makes the background white
SPECK = 0.02  # parts smaller than this share of the largest one are dust
GRABCUT_ROUNDS = 5
GRABCUT_MARGIN = 0.04  # of the side; taken as certain background
GRABCUT_SIDE = 384  # longest side at which the photo is cut, for speed


def binary(gray: Pixels) -> Pixels:
    """Threshold a gray mask [H, W] to {0, 255}."""
    return np.where(gray > SOLID, ON, OFF).astype(np.uint8)


def area(mask: Pixels) -> float:
    """Share of the picture that a mask {0, 255} covers."""
    return float((mask == ON).mean())


def garment_mask(rgb: Pixels, alpha: Pixels | None = None) -> tuple[Pixels, MaskSource]:
    """Estimate which pixels of a garment photo [H, W, 3] are garment: mask [H, W] {0, 255}.

    A cut-out's transparency says it; else a white background is what is near white and connected
    to the border; else the photo is cut by colour (GrabCut), from a border of sure background.
    """
    if alpha is not None and 0 < area(cut_out := binary(alpha)) < 1:
        return cut_out, "alpha"
    light = rgb.min(axis=2) >= NEAR_WHITE
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    if border.mean() >= WHITE_BORDER:
        return _solid(~_touching_border(light)), "white"
    return _grabcut(rgb), "grabcut"


def _touching_border(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a region [H, W] that is connected to the picture's border."""
    _, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    reached = np.unique(edge[edge > 0])
    return np.isin(labels, reached)


def _solid(region: NDArray[np.bool_]) -> Pixels:
    """Close small gaps, fill holes and drop specks of a region [H, W]; a mask {0, 255}."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    closed = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    filled = (~_touching_border(closed == 0)).astype(np.uint8)
    opened = cv2.morphologyEx(filled, cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    sizes = stats[1:count, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(sizes >= SPECK * sizes.max(initial=1))
    return np.where(np.isin(labels, kept), ON, OFF).astype(np.uint8)


def _grabcut(rgb: Pixels) -> Pixels:
    height, width = rgb.shape[:2]
    scale = min(1.0, GRABCUT_SIDE / max(height, width))
    h, w = max(8, round(height * scale)), max(8, round(width * scale))
    small = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA)
    dy, dx = max(1, round(h * GRABCUT_MARGIN)), max(1, round(w * GRABCUT_MARGIN))
    labels = np.full((h, w), cv2.GC_BGD, np.uint8)
    labels[dy : h - dy, dx : w - dx] = cv2.GC_PR_FGD
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # GrabCut clusters colours by seeded k-means: same photo, same mask
    cv2.grabCut(
        np.ascontiguousarray(small[..., ::-1]), labels, None, background, foreground,
        GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK,
    )  # fmt: skip
    cut = _solid((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
    return binary(cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR))
