"""What can be told of any photo: what was changed of it, whether it is blank, small or blurred."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.doctor.findings import Finding, Severity, found
from pfafn.photos.changes import Change
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.fitting import shrunk
from pfafn.photos.images import Pixels

SMALLEST = (128, 96)  # (height, width) of the smallest pictures that a profile trains for
LOOKED_AT = 256  # longer side at which a photo is looked at: about that of the networks
BLANK = 1.0  # standard deviation of shades; of VITON's a white shirt on white has least, 4.6
# Pixels of LOOKED_AT over which the sharpest edges spread; of sharp photos at most 1.8.
BLURRED = 1.9
SMOOTH = 1.0  # sigma in pixels of LOOKED_AT, so that noise is no sharp edge
SHARPEST = 99.5  # percentile

CHANGED: dict[Change, tuple[str, str]] = {
    Change.ROTATED: ("its file says that the camera was held another way", "turned upright"),
    Change.DISPLAY_P3: ("its colours are in Display P3", "brought to sRGB"),
    Change.ADOBE_RGB: ("its colours are in Adobe RGB", "brought to sRGB"),
    Change.PROFILE: ("its colours are in a profile of its own", "brought to sRGB"),
    Change.CMYK: ("its colours are inks, CMYK", "brought to RGB"),
    Change.SIXTEEN_BIT: ("it has 16 bits per channel", "brought to 8"),
    Change.TRANSPARENT: ("it is transparent in places", "shown on white"),
    Change.HEIC: ("it is a HEIC photo", "decoded"),
    Change.AVIF: ("it is an AVIF photo", "decoded"),
    Change.WEBP: ("it is a WebP photo", "decoded"),
}


def of_picture(photo: PersonPhoto | GarmentPhoto, size: tuple[int, int]) -> list[Finding]:
    """What is found of a photo, whatever it shows; size: (height, width) of the model."""
    findings = [
        found(change, Severity.NOTE, text, changed=done)
        for change in photo.changes
        for text, done in [CHANGED[change]]
    ]
    gray = looked_at(photo.rgb)
    if (deviation := float(gray.std())) < BLANK:
        text = f"it is blank: its shades differ by {deviation:.1f} of 255"
        return [*findings, found("blank", Severity.REFUSE, text, deviation, BLANK)]
    if photo.note:
        text = photo.note.removesuffix(": save it as sRGB").removesuffix(": save it as that")
        findings.append(found("colours", Severity.WARN, text))
    height, width = photo.rgb.shape[:2]
    if (larger := min(size[0] / height, size[1] / width)) > 1:
        text = f"it has {width}x{height} pixels and is enlarged to {size[1]}x{size[0]}"
        findings.append(found("small", Severity.WARN, text, larger, 1.0))
    if (spread := edge_width(gray)) > BLURRED:
        text = f"it is blurred: of {LOOKED_AT} pixels its sharpest edges take {spread:.1f}"
        findings.append(found("blurred", Severity.WARN, text, spread, BLURRED))
    return findings


def looked_at(rgb: Pixels) -> NDArray[np.float32]:
    """The gray photo [H, W] at the scale at which it is judged."""
    return cv2.cvtColor(shrunk(rgb, LOOKED_AT), cv2.COLOR_RGB2GRAY).astype(np.float32)


def edge_width(gray: NDArray[np.float32]) -> float:
    """Over how many pixels of LOOKED_AT the sharpest edges of a picture [H, W] spread.

    Whatever its contrast, and also if it has fewer pixels.

    Across an edge that is blurred by a Gaussian the steepest slope, divided by the strongest
    curvature, is proportional to its sigma.
    """
    pixel = max(gray.shape) / LOOKED_AT
    smooth = cv2.GaussianBlur(gray, (0, 0), SMOOTH * pixel)
    dx, dy = (cv2.Sobel(smooth, -1, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    slope = np.percentile(np.hypot(dx, dy), SHARPEST)
    curvature = np.percentile(np.abs(cv2.Laplacian(smooth, -1, ksize=1)), SHARPEST)
    return float(slope / max(curvature, np.finfo(np.float32).tiny) / pixel)
