"""Pictures of any bytes: read rightly, or refused with a reason that names the file; no crash."""

import io
import os
import struct
import zlib
from typing import Any

import iccprofiles
import numpy as np
import pytest
from fuzz import READ, REFUSED, counted, damaged, examples
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.icc import WIDE
from pfafn.photos.images import ImageError, decode_gray, decode_ids, decode_picture, read_bytes
from pfafn.photos.opening import MAX_PIXELS

H, W = SIZE = (24, 40)
NAME = "shop/shirt.jpg"
DECODERS = [decode_picture, decode_gray, decode_ids]
MODES = {
    "PNG": ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"],
    "JPEG": ["RGB", "L", "CMYK", "YCbCr"],
    "WEBP": ["RGB", "RGBA"],
    "BMP": ["RGB", "L", "P", "1"],
    "GIF": ["P", "L"],
    "TIFF": ["RGB", "RGBA", "L", "LA", "P", "1", "I;16", "I", "F", "CMYK", "YCbCr", "LAB"],
}
FILES = [(kind, mode) for kind, modes in MODES.items() for mode in modes]
PROFILES = [*WIDE.values(), iccprofiles.gray(1.0), iccprofiles.ink((100, 0, 0), (54, 81, 70))]
each_file = pytest.mark.parametrize(("kind", "mode"), FILES, ids=[f"{k}-{m}" for k, m in FILES])
each_decoder = pytest.mark.parametrize("decode", DECODERS)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(kind: str, mode: str) -> bytes:
    ramp = np.arange(H * W, dtype=np.uint8).reshape(SIZE)
    if mode == "I;16":
        return encoded(Image.fromarray(ramp.astype(np.uint16) * 256), kind)
    image = Image.fromarray(ramp).convert("RGB")
    if mode == "LAB":
        return encoded(Image.new(mode, (W, H)), kind)
    return encoded(image.convert("L").convert(mode) if mode in "IF" else image.convert(mode), kind)


@counted
def read_or_refused(decode: Any, content: bytes) -> str:
    """uint8 pixels, or an ImageError that names the file; which of the two it was."""
    try:
        found = decode(content, NAME)
    except ImageError as error:
        assert str(error).startswith(f"{NAME}: ")
        return REFUSED
    pixels = found.rgb if decode is decode_picture else found
    assert pixels.dtype == np.uint8
    assert pixels.ndim == (3 if decode is decode_picture else 2)
    return READ


@each_decoder
@examples(100)
@given(content=st.binary(max_size=200))
def test_bytes_that_are_no_picture_are_refused(decode: Any, content: bytes) -> None:
    assert read_or_refused(decode, content) == REFUSED


@each_file
@examples(12)
@given(data=st.data())
def test_a_damaged_picture_is_read_or_refused(kind: str, mode: str, data: Any) -> None:
    content = data.draw(damaged(picture(kind, mode)))
    for decode in DECODERS:
        read_or_refused(decode, content)


@pytest.mark.parametrize("profile", PROFILES)
@examples(12)
@given(data=st.data())
def test_a_damaged_colour_profile_damages_no_picture(profile: bytes, data: Any) -> None:
    image = Image.new("CMYK" if profile == PROFILES[-1] else "RGB", (W, H))
    content = encoded(image, "TIFF", icc_profile=data.draw(damaged(profile)))
    assert read_or_refused(decode_picture, content) == READ


@each_file
def test_every_kind_of_picture_is_a_photo_of_its_size_or_refused(kind: str, mode: str) -> None:
    if mode == "F":
        with pytest.raises(ImageError, match="floating point"):
            decode_picture(picture(kind, mode), NAME)
        return
    assert decode_picture(picture(kind, mode), NAME).rgb.shape == (H, W, 3)
    if mode != "LAB":
        assert decode_gray(picture(kind, mode), NAME).shape == SIZE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_photo_mask_and_ids_are_turned_alike(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    top = np.zeros(SIZE, np.uint8)
    top[: H // 2] = 255
    content = encoded(Image.fromarray(top).convert("RGB"), kind, exif=exif)
    side = {1: "top", 2: "top", 3: "bottom", 4: "bottom", 5: "left", 6: "right", 7: "right",
            8: "left"}[orientation]  # fmt: skip
    gray = decode_gray(content, NAME)
    assert gray.shape == (SIZE if orientation < 5 else (W, H))
    half = {
        "top": gray[: H // 2 - 4], "bottom": gray[H // 2 + 4 :],
        "left": gray[:, : H // 2 - 4], "right": gray[:, H // 2 + 4 :],
    }[side]  # fmt: skip
    assert half.min() > 127
    assert 0.45 < (gray > 127).mean() < 0.55
    assert decode_picture(content, NAME).rgb.shape[:2] == gray.shape


def png_of(height: int, width: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


@each_decoder
@pytest.mark.parametrize("size", [(9_000, 9_000), (10_000, 10_000), (2**30, 2**30)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(decode: Any, size: Any) -> None:
    with pytest.raises(ImageError, match=f"more than {MAX_PIXELS} pixels"):
        decode(png_of(*size), NAME)


@each_decoder
@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_is_refused(decode: Any, kind: str) -> None:
    frames = [Image.new("RGB", (W, H), colour) for colour in ("red", "green")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="several pictures"):
        decode(content, NAME)


def test_a_cameras_photo_with_a_preview_in_it_is_read() -> None:
    frames = [Image.new("RGB", (W, H), colour) for colour in ("red", "green")]
    content = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert (decode_picture(content, NAME).rgb[0, 0] == (254, 0, 0)).all()


@each_decoder
def test_a_format_for_which_another_program_would_be_started_is_refused(decode: Any) -> None:
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 24\n%%EndComments\nshowpage\n"
    with pytest.raises(ImageError, match="not a picture in a format"):
        decode(page, NAME)


def test_sixteen_bit_gray_with_a_transparent_value_is_read() -> None:
    image = Image.fromarray(np.full(SIZE, 0x80FF, np.uint16))
    content = encoded(image, "PNG", transparency=7)
    assert (decode_picture(content, NAME).rgb == 0x80).all()
    assert (decode_gray(content, NAME) == 0x80).all()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_ids_that_went_through_a_lossy_format_are_refused(kind: str) -> None:
    content = encoded(Image.new("RGB", (W, H)), kind)
    with pytest.raises(ImageError, match=f"{kind} does not keep ids"):
        decode_ids(content, NAME)


def test_a_pipe_a_folder_and_a_huge_file_are_no_photos(tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2**40)  # takes no space
    for name, message in (
        ("pipe", "no plain file"), ("folder", "no plain file"), ("huge", "more than"),
        ("none", "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(ImageError, match=rf"{name}.jpg.*{message}"):
            read_bytes(tmp_path / f"{name}.jpg")
