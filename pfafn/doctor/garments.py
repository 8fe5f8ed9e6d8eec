"""What a photo of a garment is: whether there is one, alone and whole, and how good its mask is."""

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.doctor.findings import Finding, Severity, found, refused, worst_first
from pfafn.doctor.persons import SOMEBODY
from pfafn.doctor.pictures import LOOKED_AT, SMALLEST, of_picture
from pfafn.photos.entrance import GarmentPhoto
from pfafn.photos.fitting import shrunk
from pfafn.photos.framing import Frame
from pfafn.photos.images import Pixels
from pfafn.photos.masks import BORDER, ESTIMATED, MaskSource, border, garment_mask

if TYPE_CHECKING:  # it brings torch
    from pfafn.estimators.people import People

Region = NDArray[np.bool_]

PART = 0.25  # of the largest one: a smaller part is no garment of its own
FAINT = 5  # shades of 255 by which a photo changes at least along a garment's outline
STEP = 2.5  # height of an edge per slope, when it is smoothed by a sigma of 1: sqrt(2 pi)
BESIDE = 2  # pixels of LOOKED_AT from the outline within which it may
WHITE_ON_WHITE = 0.1  # of the outline that is faint; of nearly all garments 0 is
ELSEWHERE = 0.9  # overlap of a given mask with what the photo tells: of good ones 0.907 and more
HOOK, STRAP, HOOK_WIDTH = 0.04, 0.25, 0.08  # a hanger's, of the garment's height and width
# How much the colours of a photo's middle and border may overlap. Of whole garments before what is
# not white they do by at most 0.36, but for a white one before a wall that is nearly so.
ALIKE = 0.4
RIM = 10  # pixels of LOOKED_AT that a photo's border is wide
SHADES = 32  # of 256 that count as one when colours are compared
LEGS = 0.5  # of a garment's height, from below, that is two legs
LONG = 2.2  # height per width; of VITON's tops at most 2.11
TOLD_BY: dict[MaskSource, str] = {
    "file": "given with it",
    "alpha": "its transparency",
    "white": "told from its light background",
    "grabcut": "cut out by colour",
}


class Shape(NamedTuple):
    """The outline of a garment's mask in its own box."""

    region: Region  # [h, w]

    @property
    def aspect(self) -> float:
        """Height per width."""
        return self.region.shape[0] / self.region.shape[1]

    def runs(self, row: int) -> list[tuple[int, int]]:
        """Where in a row it is: (start, end) from left to right."""
        return [
            (run[0], run[-1] + 1)
            for inside, group in groupby(range(self.region.shape[1]), self.region[row].__getitem__)
            if inside and (run := list(group))
        ]


def of_garment(
    photo: GarmentPhoto, people: "People | None" = None, size: tuple[int, int] = SMALLEST
) -> list[Finding]:
    """What is found of a garment's photo, the worst first.

    people: who looks for people, to tell whether somebody wears it; size: of the model.
    """
    findings = of_picture(photo, size)
    if not refused(findings) and not photo.mask.any():
        text = "no garment is told from its background"
        findings.append(found("no_garment", Severity.REFUSE, text))
    if refused(findings):
        return worst_first(findings)
    if people is not None:
        score = float(people.pose(shrunk(photo.rgb, 2 * LOOKED_AT))[:, 2].sum())
        if score >= SOMEBODY:
            text = "somebody wears it"
            findings.append(found("worn", Severity.WARN, text, score, SOMEBODY))
    findings += of_mask(photo)
    if not {"close_up", "several_garments"} & {finding.name for finding in findings}:
        findings += of_shape(photo.mask)
    return worst_first(findings)


def of_mask(photo: GarmentPhoto) -> list[Finding]:
    """What is found of where in its photo the garment is."""
    rgb, mask = shrunk(photo.rgb, LOOKED_AT), small_mask(photo.mask)
    clear = 1 - faint(rgb, mask)
    estimated = photo.mask_source in ESTIMATED
    text = (
        f"its mask is {TOLD_BY[photo.mask_source]}; {clear:.0%} of its outline shows in the photo"
    )
    findings = [found("mask", Severity.NOTE, text, clear)]
    if (covered := border(photo.mask)) > BORDER:
        text = f"it is a detail: the garment covers {covered:.0%} of the photo's border"
        findings.append(found("close_up", Severity.WARN, text, covered, BORDER))
    elif photo.mask_source == "grabcut" and (alike := likeness(rgb)) > ALIKE:
        text = f"it is a detail: {alike:.0%} of the photo's middle has the colours of its border"
        findings.append(found("close_up", Severity.WARN, text, alike, ALIKE))
    elif (parts := len(large_parts(mask))) > 1:
        text = f"{parts} garments: the mask is in {parts} large parts"
        findings.append(found("several_garments", Severity.WARN, text, parts, 1))
    elif estimated and 1 - clear > WHITE_ON_WHITE:
        text = f"white on white: {1 - clear:.0%} of the garment's outline hardly shows"
        findings.append(found("white_on_white", Severity.WARN, text, 1 - clear, WHITE_ON_WHITE))
    elif photo.doubt:
        text, _, _ = photo.doubt.partition("; ")  # the rest is the remedy
        findings.append(found("mask_doubtful", Severity.WARN, text))
    elif photo.mask_source == "file" and (fits := agreement(rgb, mask)) < ELSEWHERE:
        text = f"the mask is of another photo, or shifted: it overlaps the garment by {fits:.0%}"
        findings.append(found("mask_elsewhere", Severity.WARN, text, fits, ELSEWHERE))
    return findings


def of_shape(mask: Pixels) -> list[Finding]:
    """What is found of the outline of a garment, a mask {0, 255}."""
    shape = shape_of(small_mask(mask))
    findings = []
    if HOOK < (hook := hook_height(shape)) < STRAP:
        text = f"it hangs: a hook of {hook:.0%} of its height is above it"
        findings.append(found("hanger", Severity.NOTE, text, hook, HOOK))
    if (legs := leg_height(shape)) > LEGS:
        text = f"it looks like trousers: {legs:.0%} of its height is two legs"
        findings.append(found("not_a_top", Severity.WARN, text, legs, LEGS))
    elif shape.aspect > LONG:
        text = f"it looks like a dress: {shape.aspect:.1f} times as high as wide"
        findings.append(found("not_a_top", Severity.WARN, text, shape.aspect, LONG))
    return findings


def small_mask(mask: Pixels) -> Region:
    """A mask {0, 255} at the scale at which it is judged."""
    return shrunk(mask, LOOKED_AT) > 127


def faint(rgb: Pixels, mask: Region) -> float:
    """The share of a mask's outline inside the photo along which its colours hardly change."""
    channels = cv2.GaussianBlur(rgb, (0, 0), 1).astype(np.float32)
    change = np.hypot(*np.gradient(channels, axis=(0, 1))).max(axis=2)
    near = cv2.dilate(change, np.ones((2 * BESIDE + 1, 2 * BESIDE + 1)))
    inside = mask.astype(np.uint8)
    outline = (inside > 0) & (cv2.erode(inside, np.ones((3, 3)), borderValue=1) == 0)
    return float((near[outline] * STEP < FAINT).mean()) if outline.any() else 0.0


def likeness(rgb: Pixels) -> float:
    """How much the colours in the middle of a photo and along its border overlap, from 0 to 1."""
    height, width = rgb.shape[:2]
    middle = Frame(height // 4, width // 4, height // 2, width // 2).slices
    beside = np.ones((height, width), np.uint8)
    beside[RIM:-RIM, RIM:-RIM] = 0
    soft = cv2.GaussianBlur(rgb, (0, 0), 1)
    bins, reach = [256 // SHADES] * 3, [0, 256] * 3
    inner = cv2.calcHist([soft[middle]], [0, 1, 2], None, bins, reach)
    outer = cv2.calcHist([soft], [0, 1, 2], beside, bins, reach)
    return float(np.minimum(inner / inner.sum(), outer / outer.sum()).sum())


def large_parts(mask: Region) -> list[int]:
    """The sizes of the parts of a mask that might each be a garment."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    sizes = stats[1:count, cv2.CC_STAT_AREA]
    return [int(size) for size in sizes if size >= PART * sizes.max()]


def agreement(rgb: Pixels, mask: Region) -> float:
    """How much a given mask overlaps what the photo itself tells, 1 if that tells little."""
    told, source = garment_mask(rgb)
    if not told.any() or GarmentPhoto(rgb, told, source).doubt:
        return 1.0
    return float((mask & (told > 0)).sum() / (mask | (told > 0)).sum())


def shape_of(mask: Region) -> Shape:
    """The part of a mask that holds it."""
    top, left = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return Shape(mask[top[0] : top[-1] + 1, left[0] : left[-1] + 1])


def hook_height(shape: Shape) -> float:
    """How much of a garment's height is, above it, one thin line."""
    height, width = shape.region.shape
    for row in range(height):
        runs = shape.runs(row)
        if len(runs) != 1 or runs[0][1] - runs[0][0] > HOOK_WIDTH * width:
            return row / height
    return 1.0


def leg_height(shape: Shape) -> float:
    """How much of a garment's height is, from below, two legs: nothing but that, both wide."""
    height, width = shape.region.shape
    for up, row in enumerate(range(height - 1 - height // 20, -1, -1)):
        runs = shape.runs(row)
        wide = [end - start for start, end in runs]
        if len(runs) != 2 or min(wide) < 0.15 * width or min(wide) < max(wide) / 2:
            return up / height
    return 1.0
