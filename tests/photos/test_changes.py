"""What the entrance did to a photo is told with it; of plain photos nothing."""

import struct
import zlib

import numpy as np
import pytest
from iccprofiles import encoded, gray, ink
from PIL import Image

from benchmarks.icc import WIDE, in_wide
from pfafn.photos.changes import Change
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import decode_picture

PHOTO = np.random.default_rng(4).integers(90, 216, (40, 64, 3), np.uint8)
PLAIN = encoded(PHOTO)


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(PHOTO, "JPEG", exif=exif)


def deep() -> bytes:
    return encoded(Image.fromarray(PHOTO[..., 0].astype(np.uint16) * 257))


def cut_out() -> bytes:
    return encoded(np.dstack([PHOTO, PHOTO[..., 0]]))


CHANGED = {
    Change.ROTATED: turned(6),
    Change.DISPLAY_P3: encoded(in_wide(PHOTO, "Display P3"), icc_profile=WIDE["Display P3"]),
    Change.ADOBE_RGB: encoded(in_wide(PHOTO, "Adobe RGB"), icc_profile=WIDE["Adobe RGB"]),
    Change.PROFILE: encoded(PHOTO[..., 0], icc_profile=gray(1.0)),
    Change.CMYK: encoded(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"),
    Change.SIXTEEN_BIT: deep(),
    Change.TRANSPARENT: cut_out(),
    Change.WEBP: encoded(PHOTO, "WEBP"),
    Change.AVIF: encoded(PHOTO, "AVIF"),
}


@pytest.mark.parametrize("change", CHANGED)
def test_each_change_is_told_with_the_photo(change: Change) -> None:
    assert PersonPhoto.decode(CHANGED[change]).changes == (change,)
    assert GarmentPhoto.decode(CHANGED[change]).changes == (change,)


def test_several_changes_are_all_told() -> None:
    inks = ink(paper=(100, 0, 0), cyan=(54, 81, 70))
    content = encoded(Image.fromarray(PHOTO).convert("CMYK"), "TIFF", icc_profile=inks)
    assert decode_picture(content).changes == (Change.CMYK, Change.PROFILE)


@pytest.mark.parametrize("content", [PLAIN, turned(1), encoded(PHOTO[..., 0]),
                                     encoded(Image.fromarray(PHOTO).convert("P"))])  # fmt: skip
def test_of_a_plain_photo_no_change_is_told(content: bytes) -> None:
    assert PersonPhoto.decode(content).changes == ()


def chunked(name: bytes, data: bytes) -> bytes:
    """The PNG with one more chunk before its pixels."""
    whole = struct.pack(">I", len(data)) + name + data
    return PLAIN[:33] + whole + struct.pack(">I", zlib.crc32(name + data)) + PLAIN[33:]


def gamma(value: float) -> bytes:
    return chunked(b"gAMA", struct.pack(">I", round(value * 100000)))


def primaries(*values: float) -> bytes:
    return chunked(b"cHRM", struct.pack(">8I", *(round(v * 100000) for v in values)))


TOLD = {
    "cICP chunk says primaries of Display P3 and transfer of sRGB": chunked(b"cICP", b"\x0c\r\0\1"),
    "primaries of BT.2020 and transfer of PQ": chunked(b"cICP", b"\x09\x10\0\1"),
    "primaries of 77 and transfer of 99": chunked(b"cICP", b"Mc\0\1"),
    "gAMA chunk says 1": gamma(1),
    "cHRM chunk": primaries(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}


@pytest.mark.parametrize("note", TOLD)
def test_colours_that_a_png_tells_without_a_profile_are_not_passed_over(note: str) -> None:
    photo = PersonPhoto.decode(TOLD[note])
    assert photo.note and note in photo.note and "save it as" in photo.note
    np.testing.assert_array_equal(photo.rgb, PHOTO)


@pytest.mark.parametrize("content", [
    chunked(b"cICP", b"\1\r\0\1"), chunked(b"cICP", b"\1"), gamma(0.45455),
    primaries(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
])  # fmt: skip
def test_a_png_that_says_srgb_in_any_way_is_one(content: bytes) -> None:
    assert PersonPhoto.decode(content).note is None
