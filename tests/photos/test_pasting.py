"""What a try-on did not change is the photo's own, to the bit, in the photo's own colours."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from iccprofiles import encoded as saved
from PIL import Image

from benchmarks.icc import WIDE, in_wide
from pfafn.photos.colours import srgb_profile
from pfafn.photos.entrance import PersonPhoto
from pfafn.photos.framing import Frame
from pfafn.photos.images import decode_rgb, encode_png
from pfafn.photos.pasting import STRIP, TAPER, changed, encoded, new, pasted

H, W = SIZE = (96, 64)
GARMENT = np.zeros(SIZE, np.uint8)
GARMENT[40:70, 20:44] = 255
NOTHING = np.zeros(SIZE, np.uint8)


def scene() -> np.ndarray:
    """A photo with sharp edges everywhere: squares of two grays."""
    squares = np.indices(SIZE).sum(axis=0) // 8 % 2
    return np.repeat(np.where(squares, 90, 160)[..., None], 3, axis=2).astype(np.uint8)


def drawn(before: np.ndarray) -> np.ndarray:
    """What a generator makes of it: softer, and a green garment."""
    soft = cv2.GaussianBlur(before, (0, 0), 1.0)
    return np.where(GARMENT[..., None] > 0, np.uint8([40, 220, 60]), soft)


def test_softened_edges_are_no_change_and_a_garment_is_one() -> None:
    share = changed(scene(), drawn(scene()), GARMENT)
    assert share[GARMENT > 0].min() > 240
    assert (share[cv2.dilate(GARMENT, np.ones((13, 13))) == 0] == 0).all()


def test_a_garment_that_looks_like_the_photo_is_taken_all_the_same() -> None:
    """Its threads shall not be mixed with those of the old one."""
    assert changed(scene(), scene(), GARMENT)[GARMENT > 0].min() > 240


def test_what_hangs_together_with_the_garment_is_taken_and_a_change_elsewhere_is_not() -> None:
    after = drawn(scene())
    after[50:60, 44:56] = (250, 200, 180)  # an arm that the old sleeve hid
    after[5:15, 5:15] = (250, 10, 10)
    share = changed(scene(), after, GARMENT)
    assert (share[50:60, 44:56] == 255).all()
    assert (share[:30] == 0).all()


def test_what_a_network_calls_hardly_new_is_the_photos_and_what_it_calls_rather_new_is_not() -> (
    None
):
    share = np.uint8([[0, 25, 26, 77, 128, 255]])
    assert new(share).tolist() == [[0, 0, 0, 127, 255, 255]]


def test_of_a_generator_that_draws_all_in_other_shades_only_larger_changes_are_taken() -> None:
    shade = drawn(scene().clip(0, 200)).astype(int) + np.where(GARMENT[..., None], 0, 25)
    share = changed(scene(), shade.astype(np.uint8), GARMENT)
    assert (share[cv2.dilate(GARMENT, np.ones((13, 13))) == 0] == 0).all()


def test_without_a_garment_in_sight_all_is_taken() -> None:
    assert (changed(scene(), drawn(scene()), NOTHING) == 255).all()


@pytest.mark.parametrize("size", [(96, 64), (700, 333), (50, 90), (40, 20)])
def test_where_nothing_is_taken_the_photo_stays_to_the_bit(size) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    whole, red = Frame.whole(size), np.full((*SIZE, 3), (255, 0, 0), np.uint8)
    worn = pasted(rgb, red, GARMENT, whole)
    around = cv2.dilate(GARMENT, np.ones((5, 5)))
    far = pasted(np.zeros_like(rgb), np.full_like(red, 255), around, whole)[..., 0] == 0
    assert far.any() and (worn[far] == rgb[far]).all()
    assert (worn == (255, 0, 0)).all(axis=-1).any() and worn is not rgb
    assert np.array_equal(pasted(rgb, red, NOTHING, whole), rgb)


def test_a_large_photo_is_pasted_strip_by_strip_as_in_one_piece(monkeypatch) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (300, 200, 3), np.uint8)
    given = rgb, drawn(scene()), cv2.GaussianBlur(GARMENT, (0, 0), 3), Frame(-20, 30, 288, 192)
    assert rgb[..., 0].size < STRIP
    at_once = pasted(*given)
    monkeypatch.setattr("pfafn.photos.pasting.STRIP", 7 * 200)
    np.testing.assert_allclose(pasted(*given).astype(int), at_once, atol=2)


def test_a_frame_within_the_photo_has_no_hard_edge() -> None:
    rgb, full = np.zeros((300, 200, 3), np.uint8), np.full(SIZE, 255, np.uint8)
    worn = pasted(rgb, np.full((*SIZE, 3), 255, np.uint8), full, Frame(60, 0, 192, 128))[..., 0]
    assert not worn[:60].any() and not worn[252:].any() and not worn[:, 128:].any()
    steps = np.abs(np.diff(worn[:, 64].astype(int)))
    assert worn[150, 0] == 255 and 0 < steps.max() <= 255 / (2 * TAPER) + 2


def own_pixels(content: bytes) -> tuple[np.ndarray, bytes | None]:
    with Image.open(BytesIO(content)) as image:
        return np.array(image), image.info.get("icc_profile")


@pytest.mark.parametrize("space", WIDE)
def test_a_result_has_the_photos_profile_and_where_unchanged_its_pixels(space) -> None:
    rgb = np.random.default_rng(5).integers(90, 216, (*SIZE, 3), np.uint8)
    wide = in_wide(rgb, space)
    photo = PersonPhoto.decode(saved(wide, icc_profile=WIDE[space]))
    worn = photo.rgb.copy()
    worn[GARMENT > 0] = (120, 200, 140)
    found, profile = own_pixels(encoded(photo, worn, "PNG"))
    assert profile == WIDE[space]
    np.testing.assert_array_equal(found[GARMENT == 0], wide[GARMENT == 0])
    expected = in_wide(np.uint8([[[120, 200, 140]]]), space)[0, 0].astype(int)
    np.testing.assert_allclose(found[GARMENT > 0].astype(int) - expected, 0, atol=2)


def test_a_profile_of_the_same_colours_is_kept_and_none_is_srgb() -> None:
    told = PersonPhoto.decode(saved(scene(), icc_profile=srgb_profile()))
    plain = PersonPhoto.decode(encode_png(scene()))
    for photo in (told, plain):
        found, profile = own_pixels(encoded(photo, photo.rgb, "PNG"))
        assert profile == srgb_profile() and np.array_equal(found, scene())


def test_a_turned_photo_comes_back_upright_without_its_exif() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = saved(np.ascontiguousarray(np.rot90(scene())), exif=exif, icc_profile=WIDE["Adobe RGB"])
    photo = PersonPhoto.decode(lying)
    content = encoded(photo, photo.rgb, "PNG")
    np.testing.assert_array_equal(own_pixels(content)[0], scene())
    assert not Image.open(BytesIO(content)).getexif()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (saved(Image.fromarray(scene()).convert("CMYK"), "TIFF"), "CMYK"),
        (encode_png(scene().astype(np.uint16) * 257), "16 bits"),
        (saved(np.dstack([scene(), GARMENT])), "transparent"),
    ],
)
def test_what_a_result_cannot_keep_is_said_and_it_is_srgb(content: bytes, said: str) -> None:
    photo = PersonPhoto.decode(content)
    assert photo.lost and said in photo.lost and "8-bit sRGB" in photo.lost
    result = encoded(photo, photo.rgb, "PNG")
    assert own_pixels(result)[1] == srgb_profile()
    np.testing.assert_array_equal(decode_rgb(result), photo.rgb)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_of_an_ordinary_photo_nothing_is_lost(mode: str) -> None:
    assert PersonPhoto.decode(saved(Image.fromarray(scene()).convert(mode))).lost is None
