"""What the entrance did to a photo that was more than to read its pixels."""

from enum import StrEnum
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageCms

PNG_DEPTH = 24  # where a PNG file says its bits per channel


class Change(StrEnum):
    """One thing that was done, by what the file had."""

    ROTATED = "rotated"
    DISPLAY_P3 = "display_p3"
    ADOBE_RGB = "adobe_rgb"
    PROFILE = "profile"  # any other one by which colours moved
    CMYK = "cmyk"
    SIXTEEN_BIT = "sixteen_bit"
    TRANSPARENT = "transparent"
    HEIC = "heic"
    AVIF = "avif"
    WEBP = "webp"


# Red and green as profiles have them: XYZ under D50.
PRIMARIES = {
    Change.DISPLAY_P3: ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419)),
    Change.ADOBE_RGB: ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609)),
}
SAME = 0.01
FORMATS = {"HEIF": Change.HEIC, "AVIF": Change.AVIF, "WEBP": Change.WEBP}


def depth(image: Image.Image, content: bytes) -> int:
    """Bits per channel of a picture, before its mode was one of 8 bits."""
    if image.format == "PNG":
        return content[PNG_DEPTH]
    return 16 if image.mode.startswith("I") else 8


def changes(image: Image.Image, content: bytes) -> tuple[Change, ...]:
    """What is done to a picture, as it was opened, whatever its colours are."""
    done = {
        Change.ROTATED: image.getexif().get(ExifTags.Base.Orientation, 1) != 1,
        Change.CMYK: image.mode == "CMYK",
        Change.SIXTEEN_BIT: depth(image, content) == 16,
        Change.TRANSPARENT: image.has_transparency_data,
    }
    told = FORMATS.get(str(image.format))
    return tuple(change for change, is_done in done.items() if is_done) + ((told,) if told else ())


def change_of_colours(image: Image.Image) -> Change:
    """Which profile it is by which a picture's colours moved, by its primaries: names vary."""
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"])).profile
    if not (profile.red_colorant and profile.green_colorant):
        return Change.PROFILE
    found = profile.red_colorant[0], profile.green_colorant[0]
    return next(
        (change for change, of in PRIMARIES.items() if np.allclose(found, of, rtol=0, atol=SAME)),
        Change.PROFILE,
    )
