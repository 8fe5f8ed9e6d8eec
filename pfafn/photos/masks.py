"""Garment masks: from a file, or estimated from the garment's photo."""

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.photos.fitting import shrunk

Pixels = NDArray[np.uint8]
MaskSource = Literal["file", "alpha", "white", "grabcut"]  # file: given with the photo
ESTIMATED = ("white", "grabcut")  # the others are told

SOLID = 127  # a mask's pixel counts above this value, so JPEG noise does not
ON, OFF = 255, 0
NEAR_WHITE = 246  # darkest channel of a pixel that may be a white background
WHITE_BORDER = 0.85  # share of near-white border pixels that makes the background white
DARKEST = 10  # per cent of the border that may be darker than the background: what touches it
NEARLY = 9  # shades by which what compression darkened beside a background may be darker
NOISE = 3  # shades by which a background may be darker than its border; a white garment is darker
FRINGE = 2  # pixels around a garment that its compression may have darkened
EDGE = 4  # pixels at a mask's edge that may be background: blur, compression, a faint shadow
EDGE_SHARE = 1 / 128  # of the longer side, if that is more
HALF = 0.4  # of the garment's depth; on VITON as good as 0.35 and 0.45, better than 0.25 or 0.5
SMOOTH = 5  # pixels of which a garment's depth is the median
# Background that a sleeve encloses between itself and the body: large, and long as it hangs. More
# than one on each side are stripes of the garment.
GAP, LONG, GAPS = 0.003, 3, 2  # share of the picture, height per width, how many
# Share of the picture's border that a mask may cover. On VITON it is at most a tenth, or 0.46 and
# more: close-ups of a garment, and all-white masks.
BORDER = 0.5
# A piece of a given mask: its share of the largest one, and how far it lies from that. On VITON 160
# of 7,032 masks have such a piece, and all that were looked at lack a part of their garment.
PIECE, APART = 0.1, 5 / 256  # of the longer side
SPECK = 0.02  # parts smaller than this share of the largest one are dust
RAGGED = 100  # outline squared / area; a disk has 13, a long-sleeved shirt 55, leggings 90
SMALL = 0.05  # share of the picture; a label on a shirt that was not found, say
KERNEL = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
GRABCUT_ROUNDS = 5
GRABCUT_MARGIN = 0.04  # of the side; taken as certain background
# Longest side at which a photo is looked at, at which it is cut by colour, and at which the pieces
# of a mask are counted, for speed.
LOOKED_AT, GRABCUT_SIDE, PIECES_SIDE = 1024, 384, 256


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

    What was told is doubted if it covers the picture's border or lies in pieces, an estimate by its
    shape.
    """
    return (_doubt_estimated if source in ESTIMATED else _doubt_told)(mask)


def _doubt_told(mask: Pixels) -> str | None:
    if (covered := border(mask)) > BORDER:
        said = f"the mask covers {covered:.0%} of the picture's border"
        return f"{said}: is it black on white, or the photo a detail of the garment?"
    if pieces := _pieces(mask):
        return f"the mask is in {pieces} pieces far apart: does it lack a part of the garment?"
    return None


def _pieces(mask: Pixels) -> int:
    """In how many large pieces a mask {0, 255} is that lie far from the largest; 0 if in none."""
    small = (shrunk(mask, PIECES_SIDE) > SOLID).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(small)
    if count <= 2:
        return 0
    sizes = stats[:, cv2.CC_STAT_AREA] * (np.arange(count) > 0)  # 0 is what is beside it
    away = cv2.distanceTransform((labels != sizes.argmax()).astype(np.uint8), cv2.DIST_L2, 3)
    large = np.flatnonzero(sizes >= PIECE * sizes.max())
    apart = sum(away[labels == part].min() >= APART * max(small.shape) for part in large)
    return int(apart) + 1 if apart else 0


def garment_mask(rgb: Pixels, alpha: Pixels | None = None) -> tuple[Pixels, MaskSource]:
    """Estimate which pixels of a garment photo [H, W, 3] are garment: mask [H, W] {0, 255}.

    A cut-out's transparency says it; else a white background is what is as white as the border and
    connected to it; else the photo is cut by colour (GrabCut), from a border of sure background.
    """
    if alpha is not None and 0 < area(cut_out := binary(alpha)) < 1:
        return cut_out, "alpha"
    small = shrunk(rgb, LOOKED_AT)
    shade = small.min(axis=2)
    rim = _rim(shade)
    white = rim[rim >= NEAR_WHITE]
    if white.size < WHITE_BORDER * rim.size:
        return _enlarged(_grabcut(shrunk(small, GRABCUT_SIDE)), rgb), "grabcut"
    return _enlarged(_on_white(shade, np.percentile(white, DARKEST)), rgb), "white"


def _enlarged(mask: Pixels, like: Pixels) -> Pixels:
    """A mask {0, 255} at the size of the picture that was shrunk for it."""
    height, width = like.shape[:2]
    return binary(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR))


def _on_white(shade: Pixels, level: float) -> Pixels:
    """What is darker than a background of about this level; shade [H, W], the darkest channel."""
    mask = _solid(~_white_background(shade, level))
    mask[_gaps(mask, shade >= level - NOISE)] = OFF
    return _clean(_trimmed(mask, cv2.subtract(np.full_like(shade, level), shade)))


def _doubt_estimated(mask: Pixels) -> str | None:
    # Of estimates on VITON's 7,032 photos, 12 of the 6,507 are doubted that agree with the given
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


def _white_background(shade: Pixels, level: float) -> NDArray[np.bool_]:
    """Background of a picture by its pixels' darkest channel [H, W], of about this level.

    It is hardly darker, and beside that a little more, as compression leaves it around a garment.
    """
    sure = _touching_border(shade >= level - NOISE)
    beside = cv2.dilate(sure.astype(np.uint8), np.ones((2 * FRINGE + 1, 2 * FRINGE + 1)))
    return _touching_border((beside > 0) & (shade >= level - NEARLY))


def _trimmed(mask: Pixels, depth: Pixels) -> NDArray[np.bool_]:
    """A mask {0, 255} without those pixels of its edge whose depth, in shades below the background,
    is hardly that of the nearest one that is surely of the garment."""
    edge = max(EDGE, round(max(mask.shape) * EDGE_SHARE))
    square = np.ones((2 * edge + 1, 2 * edge + 1), np.uint8)
    core = cv2.erode(mask, square, borderValue=ON) == ON
    _, nearest = cv2.distanceTransformWithLabels(
        (~core).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    beside = np.zeros(nearest.max() + 1, np.float32)
    beside[nearest[core]] = cv2.medianBlur(depth, SMOOTH)[core]
    return (mask == ON) & (core | (depth >= HALF * beside[nearest]))


def _gaps(mask: Pixels, light: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a mask {0, 255} holds background, as light as that, beside an arm."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        ((mask == ON) & light).astype(np.uint8), connectivity=4
    )
    width, height, size = stats[1:count, cv2.CC_STAT_WIDTH : cv2.CC_STAT_AREA + 1].T
    found = 1 + np.flatnonzero((size >= GAP * mask.size) & (height >= LONG * width))
    return np.isin(labels, found if len(found) <= GAPS else [])


def _touching_border(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a region [H, W] that is connected to the picture's border."""
    _, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    return np.isin(labels, np.setdiff1d(_rim(labels), 0))


def _solid(region: NDArray[np.bool_]) -> Pixels:
    """Close small gaps, fill holes and drop specks of a region [H, W]; a mask {0, 255}."""
    closed = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_CLOSE, KERNEL)
    return _clean(~_touching_border(closed == 0))


def _clean(region: NDArray[np.bool_]) -> Pixels:
    """Drop hairs and specks of a region [H, W]; a mask {0, 255}."""
    opened = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, KERNEL)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    sizes = stats[1:count, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(sizes >= SPECK * sizes.max(initial=1))
    return np.where(np.isin(labels, kept), ON, OFF).astype(np.uint8)


def _grabcut(rgb: Pixels) -> Pixels:
    h, w = rgb.shape[:2]
    dy, dx = max(1, round(h * GRABCUT_MARGIN)), max(1, round(w * GRABCUT_MARGIN))
    labels = np.full((h, w), cv2.GC_BGD, np.uint8)
    labels[dy : h - dy, dx : w - dx] = cv2.GC_PR_FGD
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # GrabCut clusters colours by seeded k-means: same photo, same mask
    cv2.grabCut(
        np.ascontiguousarray(rgb[..., ::-1]), labels, None, background, foreground,
        GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK,
    )  # fmt: skip
    return _solid((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
