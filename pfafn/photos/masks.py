"""Garment masks: from a file, or estimated from the garment's photo."""

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
MaskSource = Literal["file", "alpha", "white", "grabcut"]  # file: given with the photo
ESTIMATED = ("white", "grabcut")  # the others are told

SOLID = 127  # a mask's pixel counts above this value, so JPEG noise does not
ON, OFF = 255, 0
NEAR_WHITE = 246  # darkest channel of a pixel that may be a white background
WHITE_BORDER = 0.85  # share of near-white border pixels that makes the background white
DARKEST = 10  # per cent of the border that may be darker than the background: what touches it
NOISE = 3  # shades by which a background may be darker than its border; a white garment is darker
FRINGE = 2  # pixels around a garment that its compression may have darkened
# Share of the picture's border that a mask may cover. On VITON it is at most a tenth, or 0.46 and
# more: close-ups of a garment, and all-white masks.
BORDER = 0.5
SPECK = 0.02  # parts smaller than this share of the largest one are dust
RAGGED = 100  # outline squared / area; a disk has 13, a long-sleeved shirt 55, leggings 90
SMALL = 0.05  # share of the picture; a label on a shirt that was not found, say
GRABCUT_ROUNDS = 5
GRABCUT_MARGIN = 0.04  # of the side; taken as certain background
GRABCUT_SIDE = 384  # longest side at which the photo is cut, for speed


def binary(gray: Pixels) -> Pixels:
    """Threshold a gray mask [H, W] to {0, 255}."""
    return np.where(gray > SOLID, ON, OFF).astype(np.uint8)


def area(mask: Pixels) -> float:
    """Share of the picture that a mask {0, 255} covers."""
    return float((mask == ON).mean())


def border(mask: Pixels) -> float:
    """Share of the picture's border that a mask [H, W] in {0, 255} covers."""
    return area(_rim(mask))


def _rim(picture: NDArray[Any]) -> NDArray[Any]:
    """The outermost pixels of a picture [H, W], each once: [N]."""
    return np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])


def doubt(mask: Pixels, source: MaskSource) -> str | None:
    """Why a mask {0, 255} is hardly one garment's, with the number that says so; None if it may be.

    What was told is doubted if it covers the picture's border, an estimate by its shape.
    """
    return (_doubt_estimated if source in ESTIMATED else _doubt_told)(mask)


def _doubt_told(mask: Pixels) -> str | None:
    if (covered := border(mask)) <= BORDER:
        return None
    said = f"the mask covers {covered:.0%} of the picture's border"
    return f"{said}: is it black on white, or the photo a detail of the garment?"


def garment_mask(rgb: Pixels, alpha: Pixels | None = None) -> tuple[Pixels, MaskSource]:
    """Estimate which pixels of a garment photo [H, W, 3] are garment: mask [H, W] {0, 255}.

    A cut-out's transparency says it; else a white background is what is as white as the border and
    connected to it; else the photo is cut by colour (GrabCut), from a border of sure background.
    """
    if alpha is not None and 0 < area(cut_out := binary(alpha)) < 1:
        return cut_out, "alpha"
    shade = rgb.min(axis=2)
    rim = _rim(shade)
    white = rim[rim >= NEAR_WHITE]
    if white.size < WHITE_BORDER * rim.size:
        return _grabcut(rgb), "grabcut"
    return _solid(~_white_background(shade, np.percentile(white, DARKEST) - NOISE)), "white"


def _doubt_estimated(mask: Pixels) -> str | None:
    # Of estimates on 1,573 photos of VITON, none of the 1,455 is doubted that agree with the given
    # mask (IoU above 0.9).
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None  # an empty mask is refused where it is used
    raggedness = sum(map(len, outlines)) ** 2 / cv2.countNonZero(mask)
    if len(outlines) > 1:
        found = f"is in {len(outlines)} pieces"
    elif raggedness > RAGGED:
        found = f"is ragged (its outline squared is {raggedness:.0f} times its area)"
    elif area(mask) < SMALL:
        found = f"covers {area(mask):.1%} of the picture"
    else:
        return None
    return f"the mask estimated from it {found}; look at the result, or give a mask"


def _white_background(shade: Pixels, least: float) -> NDArray[np.bool_]:
    """Background of a picture by its pixels' darkest channel [H, W]: at least so light, and beside
    that whatever is near white, as compression leaves it around a garment."""
    sure = _touching_border(shade >= least)
    beside = cv2.dilate(sure.astype(np.uint8), np.ones((2 * FRINGE + 1, 2 * FRINGE + 1)))
    return _touching_border((beside > 0) & (shade >= NEAR_WHITE))


def _touching_border(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a region [H, W] that is connected to the picture's border."""
    _, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    return np.isin(labels, np.setdiff1d(_rim(labels), 0))


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
