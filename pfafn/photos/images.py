"""Pictures in and out: decode what a camera or a shop delivers, encode equal bytes every time.

Arrays are uint8: RGB pictures [H, W, 3], masks and id maps [H, W]. Pixel centres are integers.
"""

import math
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from pfafn.photos.changes import Change, change_of_colours
from pfafn.photos.colours import Own, in_srgb, leads_back, srgb_profile, to_srgb
from pfafn.photos.opening import (
    LOSSY,
    MAX_PIXELS,
    ImageError,
    decoding,
    eight_bit,
    open_picture,
    read_bytes,
)

Pixels = NDArray[np.uint8]
Kind = Literal["PNG", "JPEG", "WEBP"]  # of a file for people's eyes

WHITE = 255

PNG_COMPRESSION = 6
SHOWN_COMPRESSION = 4  # of a photo: as small as with 6, a third sooner
JPEG_QUALITY = 95
PACKING = pa.Codec("zstd")
PACKED_SHARE = 0.75  # size of a packed photo, of its pixels' bytes, about


class Picture(NamedTuple):
    """A decoded photo."""

    rgb: Pixels  # [H, W, 3] in sRGB, transparent pixels shown over white
    alpha: Pixels | None = None  # [H, W], None for an opaque picture
    original: bytes | None = None  # what was decoded, if it is an upright 8-bit sRGB JPEG or PNG
    note: str | None = None  # what of its colours cannot be told
    own: Own | None = None  # of an opaque 8-bit RGB picture with a profile
    lost: str | None = None  # what it has that no try-on of it keeps
    changes: tuple[Change, ...] = ()  # what was done to it


def decode_picture(
    content: bytes, name: str = "picture", *, most_pixels: int = MAX_PIXELS
) -> Picture:
    """Decode a photo with its transparency.

    EXIF rotation is applied; colours become sRGB as the profile says; palettes, gray, CMYK and 16
    bits become 8-bit RGB; transparent pixels show white. Raises ImageError naming `name` if the
    bytes cannot be decoded to the last row, are in none of FORMATS, larger than most_pixels or
    animated.
    """
    with decoding(name):
        image, plain, changes = open_picture(content, name, most_pixels)
        eight, alpha = eight_bit(image, name), None
        transform, note = to_srgb(image, content)
        if transform is not None:
            changes = (*changes, change_of_colours(image))
        if image.has_transparency_data:
            eight = eight.convert("RGBA")
            alpha = np.array(eight.getchannel("A"))
        rgb = np.array(in_srgb(eight, transform))
    lost = _lost(image, changes, transform is not None)
    if alpha is None:
        own, profile = None, image.info.get("icc_profile")
        if profile and eight.mode == "RGB" and not note and not lost:
            own = Own(rgb if transform is None else np.array(eight), profile)
        original = content if plain and transform is None else None
        return Picture(rgb, None, original, note, own, lost, changes)
    weight = alpha[..., None].astype(np.uint16)
    over = (rgb * weight + WHITE * (WHITE - weight) + WHITE // 2) // WHITE
    return Picture(over.astype(np.uint8), alpha, None, note, None, lost, changes)


def _lost(image: Image.Image, changes: tuple[Change, ...], converted: bool) -> str | None:
    """What of a picture no 8-bit RGB picture with its profile keeps; None if nothing."""
    reasons = {
        "transparent in places": Change.TRANSPARENT in changes,
        "CMYK": Change.CMYK in changes,
        "16 bits per channel": Change.SIXTEEN_BIT in changes,
        "a colour profile that none can be brought into": converted
        and (image.mode != "RGB" or not leads_back(image.info["icc_profile"])),
    }
    found = next((reason for reason, holds in reasons.items() if holds), None)
    return found and f"{found}; a try-on of it is 8-bit sRGB, opaque"


def decode_rgb(content: bytes, name: str = "picture") -> Pixels:
    """uint8 RGB [H, W, 3] of encoded bytes; see decode_picture for the conversions and errors."""
    return decode_picture(content, name).rgb


def read_rgb(path: Path) -> Pixels:
    """uint8 RGB [H, W, 3] of a file; raises ImageError naming it if it cannot be decoded."""
    return decode_rgb(read_bytes(path), str(path))


def decode_gray(content: bytes, name: str = "mask", *, most_pixels: int = MAX_PIXELS) -> Pixels:
    """uint8 gray [H, W] of encoded bytes; a transparent picture gives its alpha if it varies.

    Of two levels, black and any other, the other is white: a class id, say, or a palette's colour.
    """
    with decoding(name):
        image = open_picture(content, name, most_pixels).image
        eight = eight_bit(image, name)
        if image.has_transparency_data:
            alpha = np.asarray(eight.convert("RGBA"))[..., 3]
            if alpha.min() < alpha.max():
                return alpha.copy()
        gray = eight.convert("L")
        values = np.asarray(image if image.mode.startswith("I") else gray)
        if values.min() == 0 and np.isin(values, (0, values.max())).all():
            return np.where(values, WHITE, 0).astype(np.uint8)
        return np.array(gray)


def decode_ids(content: bytes, name: str = "id map", *, most_pixels: int = MAX_PIXELS) -> Pixels:
    """uint8 ids [H, W] of encoded bytes; the indices of a palette picture are its ids.

    Raises ImageError for a colour picture, whose ids cannot be told, and for one in a lossy format,
    which mixes neighbouring ids.
    """
    with decoding(name):
        image = open_picture(content, name, most_pixels).image
        if image.format in LOSSY:
            raise ImageError(f"{name}: {image.format} does not keep ids exactly; save it as PNG")
        if image.mode in ("P", "L"):
            return np.array(image)
        if image.mode == "1":
            return np.asarray(image).astype(np.uint8)
        if image.mode.startswith("I"):
            values = np.asarray(image)
            if values.min() >= 0 and values.max() < 256:
                return values.astype(np.uint8)
            raise ImageError(f"{name}: ids must be 0..255, found {values.min()}..{values.max()}")
        channels = np.asarray(eight_bit(image, name).convert("RGB"))
    if (channels != channels[..., :1]).any():
        raise ImageError(
            f"{name}: expected one id per pixel, found a {image.mode} colour picture; "
            "save the ids themselves, as a gray or palette PNG"
        )
    return channels[..., 0].copy()


def quick_rgb(content: bytes, name: str = "picture") -> Pixels:
    """uint8 RGB [H, W, 3] of what `stored` or encode_png made: as decode_rgb, several times sooner.

    For rows of our own shards, whose bytes are known to be right: it would take a damaged JPEG for
    a good one. Raises ImageError naming `name` if the bytes are no picture.
    """
    return _quick(content, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION, name)


def quick_gray(content: bytes, name: str = "mask") -> Pixels:
    """uint8 [H, W] of a mask or of ids that encode_png made; the like of quick_rgb."""
    gray = _quick(content, cv2.IMREAD_UNCHANGED, name)
    if gray.ndim != 2 or gray.dtype != np.uint8:
        raise ImageError(f"{name}: expected 8-bit gray, found {gray.dtype} {list(gray.shape)}")
    return gray


def _quick(content: bytes, flags: int, name: str) -> Pixels:
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    if decoded is None:
        raise ImageError(f"{name}: damaged picture in a shard; run the stage that writes it again")
    return decoded


def encode_png(array: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """PNG bytes of RGB [H, W, 3] or gray [H, W] pixels, 8 or 16 bits; equal input, equal bytes."""
    if array.ndim == 3:
        array = array[..., ::-1]  # OpenCV is BGR
    done, buffer = cv2.imencode(
        ".png", np.ascontiguousarray(array), [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION]
    )
    if not done:
        raise ImageError(f"cannot encode an array of {array.dtype} {array.shape} as PNG")
    return buffer.tobytes()


def encode_shown(image: Pixels, kind: Kind, profile: bytes | None = None) -> bytes:
    """The bytes of RGB [H, W, 3] for people's eyes, with its profile: sRGB's if None."""
    buffer = BytesIO()
    options = {"compress_level": SHOWN_COMPRESSION} if kind == "PNG" else {"quality": JPEG_QUALITY}
    Image.fromarray(image).save(buffer, kind, icc_profile=profile or srgb_profile(), **options)
    return buffer.getvalue()


def pack(array: Pixels) -> bytes:
    """Compressed bytes of uint8 pixels of any shape; equal input, equal bytes.

    Against PNG, of a photo: nearly half as large again, but written 25 times and read 10 times as
    fast. For what is made to be read many times.
    """
    return PACKING.compress(np.ascontiguousarray(array), asbytes=True)


def unpack(content: bytes, shape: tuple[int, ...], name: str = "picture") -> Pixels:
    """The pixels of this shape that were packed, read-only; ImageError if these bytes are not."""
    size = math.prod(shape)
    try:
        return np.frombuffer(PACKING.decompress(content, size), np.uint8, size).reshape(shape)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ImageError(
            f"{name}: no packed picture of {list(shape)} ({error}); "
            "run the stage that writes it again"
        ) from error
