"""Open what is said to be a picture: its bytes are not trusted, nor is its name.

Every way in which a file can be bad ends in an ImageError that names it.
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from pkgutil import resolve_name
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pfafn.kit.errors import UserError
from pfafn.photos.changes import Change, changes, depth

# What is decoded; whatever a file is called. Pillow knows many more formats, and for some of them
# (EPS) it starts other programs on the file.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
# How the names of such files end, in small letters.
SUFFIXES = (".jpg", ".png", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif",
            ".heic", ".heif")  # fmt: skip
HEIF_OPENER = "pillow_heif:register_heif_opener"  # by name: who has no such photos needs none of it
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx")
SEVERAL_ALLOWED = ("MPO",)  # a camera's JPEG with a preview beside the photo; opened as JPEG
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF")
MAX_PIXELS = 80_000_000
MAX_BYTES = 256 * 2**20  # of an encoded file


class ImageError(UserError, ValueError):
    """A picture cannot be used; the message names the file and what is wrong with it."""


class TooLargeError(ImageError):
    """A picture has more pixels than are decoded."""


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is a picture; hidden ones, as macOS's `._NAME`, are none."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def read_bytes(path: Path) -> bytes:
    """The file's bytes; ImageError naming it if it is missing, unreadable or over MAX_BYTES."""
    try:
        status = path.stat()
        # A pipe or a device would never end.
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path}: is no plain file; replace it")
        if status.st_size > MAX_BYTES:
            raise ImageError(
                f"{path}: has {status.st_size} bytes, more than {MAX_BYTES} of any photo; shrink it"
            )
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Whatever Pillow raises for bytes it does not like becomes an ImageError naming the file."""
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise TooLargeError(f"{name}: more than {MAX_PIXELS} pixels; shrink it") from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name}: not a picture in a format this reads ({', '.join(FORMATS)}); convert it"
        ) from error
    except Exception as error:  # Pillow raises nearly anything for damaged bytes
        raise ImageError(f"{name}: damaged picture ({error}); replace it") from error


class Opened(NamedTuple):
    """A picture, upright and decoded to its last row."""

    image: Image.Image
    plain: bool  # whether its bytes are an upright 8-bit RGB JPEG or PNG
    changes: tuple[Change, ...]  # beside those of its colours


def open_picture(content: bytes, name: str, most_pixels: int) -> Opened:
    """Decode a picture and turn it upright; call it inside `decoding`."""
    if not content:
        raise ImageError(f"{name}: the file is empty (0 bytes); replace it")
    image = Image.open(BytesIO(content), formats=(*FORMATS, *_heif(content, name)))
    if image.width * image.height > most_pixels:
        raise TooLargeError(
            f"{name}: {image.width}x{image.height} is more than {most_pixels} pixels; shrink it"
        )
    if getattr(image, "is_animated", False) and image.format not in SEVERAL_ALLOWED:
        raise ImageError(f"{name}: holds several pictures (an animation?); save one of them")
    image.load()
    upright = ImageOps.exif_transpose(image)
    upright.format = image.format
    done = changes(image, content)
    eight_bits = image.mode == "RGB" and depth(image, content) == 8
    return Opened(upright, eight_bits and image.format in ("JPEG", "PNG") and not done, done)


def _heif(content: bytes, name: str) -> tuple[str, ...]:
    """The format of a phone's HEIC photo if the bytes are one; ImageError if it cannot be read."""
    brands = content[8:40]
    if content[4:8] != b"ftyp" or not any(brand in brands for brand in HEIF_BRANDS):
        return ()
    try:
        resolve_name(HEIF_OPENER)()
    except ImportError as error:
        raise ImageError(
            f"{name}: a HEIC photo, for which pillow-heif is not installed; "
            "run `pip install pillow-heif`, or save the photo as JPEG"
        ) from error
    return ("HEIF",)


def eight_bit(image: Image.Image, name: str) -> Image.Image:
    """Bring 16- and 32-bit gray pictures to 8 bits."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray((values.clip(0, 65535) // 256).astype(np.uint8))
    if image.mode == "F":
        raise ImageError(f"{name}: floating point pictures are not supported; save it as 8 bits")
    return image
