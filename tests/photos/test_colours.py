"""Whatever its colour profile says, a photo's colours behind the entrance are sRGB."""

from io import BytesIO

import iccprofiles
import numpy as np
import pytest
from iccprofiles import encoded
from PIL import ExifTags, Image

from benchmarks import icc
from benchmarks.icc import WIDE
from pfafn.photos.colours import srgb_profile
from pfafn.photos.entrance import PersonPhoto, stored
from pfafn.photos.images import decode_picture, encode_png, encode_shown, quick_rgb

H, W = SIZE = (40, 64)
# No colour so strong that 8 bits of another space miss it by more than a shade or two.
PHOTO = np.random.default_rng(4).integers(90, 216, (H, W, 3), np.uint8)


@pytest.mark.parametrize("space", WIDE)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_the_same_colours_in_another_space_are_the_same_photo(space: str, kind: str) -> None:
    lossless = {"lossless": True} if kind == "WEBP" else {}
    wide = icc.in_wide(PHOTO, space)
    assert np.abs(wide.astype(int) - PHOTO).max() > 10
    found = decode_picture(encoded(wide, kind, icc_profile=WIDE[space], **lossless))
    np.testing.assert_allclose(found.rgb.astype(int), PHOTO, atol=2)
    assert found.note is None


@pytest.mark.parametrize("space", WIDE)
def test_what_is_stored_is_the_converted_photo(space: str) -> None:
    wide = icc.in_wide(PHOTO, space)
    photo = PersonPhoto.decode(encoded(wide, "JPEG", quality=98, icc_profile=WIDE[space]))
    assert photo.original is None
    assert stored(photo) == encode_png(photo.rgb)
    np.testing.assert_array_equal(quick_rgb(stored(photo)), photo.rgb)


@pytest.mark.parametrize("profile", [srgb_profile(), icc.matrix(icc.SRGB, icc.SRGB_CURVE)])
def test_a_photo_that_says_srgb_is_kept_to_the_byte(profile: bytes) -> None:
    content = encoded(PHOTO, icc_profile=profile)
    photo = PersonPhoto.decode(content)
    np.testing.assert_array_equal(photo.rgb, PHOTO)
    assert stored(photo) == content


def test_a_small_shift_of_the_colours_is_one_as_well() -> None:
    profile = icc.matrix(icc.SRGB, icc.gamma(2.2))
    found = decode_picture(encoded(np.full((H, W, 3), 16, np.uint8), icc_profile=profile))
    expected = 255 * icc.shown(np.array((16 / 255) ** 2.2))
    assert abs(expected - 16) > 5
    np.testing.assert_allclose(found.rgb, np.full((H, W, 3), expected), atol=1)


def test_transparency_stays_beside_converted_colours() -> None:
    alpha = np.full(SIZE, 255, np.uint8)
    alpha[:, ::2] = 0
    wide = icc.in_wide(PHOTO, "Adobe RGB")
    found = decode_picture(encoded(np.dstack([wide, alpha]), icc_profile=WIDE["Adobe RGB"]))
    np.testing.assert_array_equal(found.alpha, alpha)
    np.testing.assert_allclose(found.rgb[:, 1::2].astype(int), PHOTO[:, 1::2], atol=2)
    assert (found.rgb[:, ::2] == 255).all()


def test_a_palette_is_converted_colour_by_colour() -> None:
    wide = icc.in_wide(np.full((H, W, 3), (60, 170, 80), np.uint8), "Display P3")
    palette = Image.fromarray(wide).quantize(2)
    found = decode_picture(encoded(palette, icc_profile=WIDE["Display P3"]))
    np.testing.assert_allclose(found.rgb[0, 0].astype(int), (60, 170, 80), atol=2)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_with_another_gamma_gets_that_of_srgb(mode: str) -> None:
    half_the_light = Image.new("L", (W, H), 128).convert(mode)
    found = decode_picture(encoded(half_the_light, icc_profile=iccprofiles.gray(1.0)))
    assert np.abs(found.rgb.astype(int) - 188).max() <= 1


def test_sixteen_bit_gray_is_converted_as_well() -> None:
    deep = Image.fromarray(np.full(SIZE, 0x8080, np.uint16))
    found = decode_picture(encoded(deep, icc_profile=iccprofiles.gray(1.0)))
    assert np.abs(found.rgb.astype(int) - 188).max() <= 1


def test_a_gray_photo_may_have_a_profile_of_rgb() -> None:
    light = Image.new("L", (W, H), 128)
    profile = icc.matrix(icc.SRGB, icc.gamma(1.0))
    found = decode_picture(encoded(light, icc_profile=profile))
    assert found.note is None
    assert np.abs(found.rgb.astype(int) - 188).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_become_what_their_profile_says(kind: str) -> None:
    inks = np.zeros((H, W, 4), np.uint8)
    inks[:, W // 2 :, 0] = 255
    profile = iccprofiles.ink(paper=(100, 0, 0), cyan=(54, 81, 70))  # L*a*b* of sRGB's red
    found = decode_picture(encoded(Image.fromarray(inks, "CMYK"), kind, icc_profile=profile)).rgb
    np.testing.assert_allclose(found[0, 0].astype(int), (255, 255, 255), atol=3)
    np.testing.assert_allclose(found[0, -1].astype(int), (255, 0, 0), atol=3)


def adobe_by_exif(tag: int, said: object) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[tag] = said
    return encoded(PHOTO, "JPEG", exif=exif)


STRANGE = WIDE["Adobe RGB"][:16] + b"\xff\xfe\xfd\xfc" + WIDE["Adobe RGB"][20:]
UNTOLD = {
    "profile cannot be used .cannot open": encoded(PHOTO, icc_profile=b"no profile" * 30),
    "profile cannot be used .cannot build": encoded(PHOTO, icc_profile=WIDE["Adobe RGB"][:300]),
    "profile cannot be used": encoded(PHOTO, icc_profile=STRANGE),
    "it is for GRAY pictures, this one is RGB": encoded(PHOTO, icc_profile=iccprofiles.gray(1.0)),
    "it is for RGB pictures, this one is CMYK": encoded(
        Image.fromarray(PHOTO).convert("CMYK"), "JPEG", icc_profile=WIDE["Adobe RGB"]
    ),
    "CMYK without a colour profile": encoded(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"),
    "Adobe RGB without a colour profile": adobe_by_exif(ExifTags.IFD.Interop, {1: "R03"}),
    "Adobe RGB without a colour": adobe_by_exif(ExifTags.Base.ColorSpace, 2),
}


@pytest.mark.parametrize("note", UNTOLD)
def test_colours_that_cannot_be_told_are_taken_as_srgb_with_a_note(note: str) -> None:
    picture = decode_picture(UNTOLD[note])
    assert picture.note and note.replace("used .", "used (") in picture.note
    with Image.open(BytesIO(UNTOLD[note])) as image:
        np.testing.assert_array_equal(picture.rgb, np.asarray(image.convert("RGB")))


def test_the_profile_of_srgb_does_not_say_when_it_was_made() -> None:
    assert srgb_profile()[24:36] == bytes(12)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_is_shown_to_people_says_that_it_is_srgb(kind: str) -> None:
    content = encode_shown(PHOTO, kind)
    with Image.open(BytesIO(content)) as image:
        assert (image.format, image.info["icc_profile"]) == (kind, srgb_profile())
        np.testing.assert_allclose(np.asarray(image).astype(int).mean(), PHOTO.mean(), atol=1)
    assert decode_picture(content).original == content
