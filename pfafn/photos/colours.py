"""Colours of a photo: whatever its colour profile says, behind the entrance they are sRGB.

In what is written `srgb_profile` goes with them, or they are brought back into the photo's own.
"""

from functools import lru_cache
from io import BytesIO
from struct import unpack
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

# As browsers and photo programs convert.
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
MODES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}  # of pictures, by the space of their profile
SAME = 2  # shades by which profiles of sRGB differ among themselves
DATE = slice(24, 36)  # of a profile's header: when it was made
# How PNG says sRGB, and by how much it may differ.
SRGB_CICP = (1, 13)
SRGB_GAMMA, GAMMA_SAME = 1 / 2.2, 0.02
SRGB_CHROMATICITY = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
CHROMATICITY_SAME = 0.01
PRIMARIES = {1: "sRGB", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
TRANSFERS = {1: "BT.709", 8: "linear light", 13: "sRGB", 16: "PQ (HDR)", 18: "HLG (HDR)"}
ADOBE_RGB = "R03"  # how EXIF says it; some cameras say ColorSpace 2

Transform = ImageCms.ImageCmsTransform


class Own(NamedTuple):
    """A photo as its file has it: before anything was brought to sRGB."""

    rgb: NDArray[np.uint8]  # [H, W, 3], in the colours of its profile
    profile: bytes


@lru_cache
def srgb_profile() -> bytes:
    """The profile of sRGB, the same bytes every time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[DATE] = bytes(len(profile[DATE]))
    return bytes(profile)


def to_srgb(image: Image.Image, content: bytes) -> tuple[Transform | None, str | None]:
    """What brings a picture's colours to sRGB, None if they are that; and what cannot be told.

    A profile that is broken, or is one for pictures of another kind, counts as none.
    """
    profile = image.info.get("icc_profile")
    if (told := _told_by_png(image, content)) is not None:
        return None, told
    if profile:
        try:
            return _transform(profile, _kind(image)), None
        except (OSError, ValueError, ImageCms.PyCMSError) as error:
            return None, f"its colour profile cannot be used ({error}) and counts as none"
    if image.mode == "CMYK":
        return None, "CMYK without a colour profile; its colours are guessed: save it as sRGB"
    exif = image.getexif()
    shot = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
    if shot == ADOBE_RGB or exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace) == 2:
        return None, "Adobe RGB without a colour profile; taken as sRGB: save it as that"
    return None, None


def _told_by_png(image: Image.Image, content: bytes) -> str | None:
    """What chunks of a PNG file beside a profile say of its colours, unless it is that of sRGB."""
    if image.format != "PNG":
        return None
    cicp = _chunk(content, b"cICP")
    if len(cicp) == 4:
        primaries, transfer = cicp[:2]
        if (primaries, transfer) == SRGB_CICP:
            return None
        said = (
            f"its cICP chunk says primaries of {PRIMARIES.get(primaries, primaries)} "
            f"and transfer of {TRANSFERS.get(transfer, transfer)}"
        )
    elif "icc_profile" in image.info or "srgb" in image.info:
        return None
    elif abs((gamma := image.info.get("gamma", SRGB_GAMMA)) - SRGB_GAMMA) > GAMMA_SAME:
        said = f"its gAMA chunk says {gamma:g}"
    elif not np.allclose(image.info.get("chromaticity", SRGB_CHROMATICITY), SRGB_CHROMATICITY,
                         rtol=0, atol=CHROMATICITY_SAME):  # fmt: skip
        said = "its cHRM chunk says other primaries than those of sRGB"
    else:
        return None
    return f"{said}, which is not read; taken as sRGB: save it as that"


def _chunk(content: bytes, kind: bytes) -> bytes:
    """What a PNG file has in a chunk before its pixels; nothing if there is none."""
    at = 8
    while at + 8 <= len(content):
        length, name = unpack(">I4s", content[at : at + 8])
        if name in (kind, b"IDAT"):
            return content[at + 8 : at + 8 + length] if name == kind else b""
        at += 12 + length
    return b""


def in_srgb(image: Image.Image, transform: Transform | None) -> Image.Image:
    """An 8-bit picture of any mode as RGB, in sRGB."""
    if transform is None:
        return image.convert("RGB")
    return ImageCms.applyTransform(image.convert(transform.input_mode), transform)


def in_space(rgb: NDArray[np.uint8], profile: bytes) -> NDArray[np.uint8]:
    """sRGB pixels [H, W, 3] in the colours of a profile that `leads_back`."""
    return np.asarray(ImageCms.applyTransform(Image.fromarray(rgb), _back(profile)))


def leads_back(profile: bytes) -> bool:
    """Whether sRGB can be brought into an RGB profile's colours, as well as out of them."""
    try:
        return _back(profile) is not None
    except (OSError, ValueError, ImageCms.PyCMSError):
        return False


@lru_cache(maxsize=16)
def _back(profile: bytes) -> Transform:
    source, target = (ImageCms.ImageCmsProfile(BytesIO(each)) for each in (srgb_profile(), profile))
    return ImageCms.buildTransform(source, target, "RGB", "RGB", INTENT, FLAGS)


def _kind(image: Image.Image) -> str:
    """The mode in which a picture's profile would describe it."""
    if image.mode == "CMYK":
        return "CMYK"
    return "L" if Image.getmodebase(image.mode) == "L" else "RGB"


@lru_cache(maxsize=16)
def _transform(profile: bytes, kind: str) -> Transform | None:
    """From a profile's colours to sRGB; None if no colour moves.

    Raises OSError, ValueError or PyCMSError if there is no way.
    """
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    space = source.profile.xcolor_space
    mode = MODES.get(space)
    # Gray is colours as well, of equal channels.
    if mode != kind and (mode, kind) != ("RGB", "L"):
        raise ImageCms.PyCMSError(f"it is for {space.strip()} pictures, this one is {kind}")
    target = ImageCms.ImageCmsProfile(BytesIO(srgb_profile()))
    transform = ImageCms.buildTransform(source, target, mode, "RGB", INTENT, FLAGS)
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, len(steps), 3)
    before = Image.fromarray(colours).convert(mode)
    after = np.asarray(in_srgb(before, transform), np.int16)
    moved = np.abs(after - np.asarray(before.convert("RGB"))).max()
    return transform if moved > SAME else None
