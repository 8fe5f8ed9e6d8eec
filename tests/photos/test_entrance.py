"""Whatever way a photo comes in, it is the same photo behind the entrance."""

from pathlib import Path
from typing import Any

import numpy as np
import photoset
import pytest
from iccprofiles import encoded
from PIL import Image

from pfafn.photos import entrance
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto, stored
from pfafn.photos.images import ImageError, encode_png, quick_rgb

H, W = SIZE = (40, 32)
PHOTO = np.random.default_rng(3).integers(0, 256, (36, 48, 3), np.uint8)


def cut_out(n: int = 1) -> tuple[bytes, np.ndarray]:
    """A garment's PNG with soft transparency around a shape that no white background would tell."""
    rgb, mask = photoset.garment(n, SIZE)
    mask = np.where(mask > 0, 200, 90).astype(np.uint8)
    mask[:, : W // 2] = 10
    return encoded(np.dstack([rgb, mask])), np.where(mask > 127, 255, 0)


def test_a_garments_transparency_is_its_mask() -> None:
    content, expected = cut_out()
    photo = GarmentPhoto.decode(content)
    assert photo.mask_source == "alpha"
    np.testing.assert_array_equal(photo.mask, expected)


def test_a_given_mask_wins_over_transparency() -> None:
    given = np.zeros(SIZE, np.uint8)
    given[:9, :7] = 128
    photo = GarmentPhoto.decode(cut_out()[0], mask=given)
    assert photo.mask_source == "file"
    np.testing.assert_array_equal(photo.mask, given // 128 * 255)


def test_a_mask_is_garment_above_the_middle_at_every_entrance(tmp_path: Path) -> None:
    rgb, _ = photoset.garment(1, SIZE)
    gray = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))
    (tmp_path / "rgb.png").write_bytes(encode_png(rgb))
    (tmp_path / "mask.png").write_bytes(encode_png(gray))
    photos = [
        GarmentPhoto.of(rgb, gray),
        GarmentPhoto.decode(encode_png(rgb), mask=gray),
        GarmentPhoto.read(tmp_path / "rgb.png", tmp_path / "mask.png"),
    ]
    for photo in photos:
        np.testing.assert_array_equal(photo.mask, np.where(gray > 127, 255, 0))
        np.testing.assert_array_equal(photo.rgb, rgb)


def test_without_mask_and_transparency_the_background_tells_the_garment() -> None:
    rgb, mask = photoset.garment(1, SIZE)
    for photo in (GarmentPhoto.of(rgb), GarmentPhoto.decode(encode_png(rgb))):
        assert photo.mask_source == "white"
        assert (photo.mask != mask).sum() <= 4  # corners


def test_a_mask_of_another_size_is_refused_with_the_photos_name(tmp_path: Path) -> None:
    path = tmp_path / "shirt.png"
    path.write_bytes(encode_png(photoset.garment(1, SIZE)[0]))
    with pytest.raises(
        PictureError, match=rf"shirt.png: mask must be .*\({H}, {W}\).*\({W}, {H}\)"
    ):
        GarmentPhoto.decode(path.read_bytes(), str(path), mask=np.zeros((W, H), np.uint8))


def test_a_mask_that_cannot_be_read_is_named_itself(tmp_path: Path) -> None:
    (tmp_path / "shirt.png").write_bytes(encode_png(photoset.garment(1, SIZE)[0]))
    (tmp_path / "mask.png").write_bytes(b"no mask")
    with pytest.raises(ImageError, match="mask.png: not a picture"):
        GarmentPhoto.read(tmp_path / "shirt.png", tmp_path / "mask.png")


@pytest.mark.parametrize("photo", [PersonPhoto, GarmentPhoto])
def test_a_photo_with_too_many_pixels_is_refused(photo: type[PersonPhoto | GarmentPhoto]) -> None:
    content = encode_png(PHOTO)
    assert photo.decode(content, most_pixels=36 * 48).rgb.shape == PHOTO.shape
    with pytest.raises(ImageError, match="shirt: 48x36 is more than 1727 pixels"):
        photo.decode(content, "shirt", most_pixels=1727)


def test_a_turned_photo_stands_upright_with_its_mask() -> None:
    rgb, mask = photoset.garment(1, SIZE)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated by 90 degrees clockwise
    lying = encoded(np.ascontiguousarray(np.rot90(np.dstack([rgb, mask]))), exif=exif)
    photo = GarmentPhoto.decode(lying)
    np.testing.assert_array_equal(photo.rgb, np.where(mask[..., None] > 0, rgb, 255))
    np.testing.assert_array_equal(photo.mask, mask)


def test_fitting_letterboxes_a_person_on_white() -> None:
    fitted = PersonPhoto.of(np.zeros((10, 10, 3), np.uint8)).fitted((10, 30))
    assert (fitted.rgb[:, :10] == 255).all()
    assert (fitted.rgb[:, 10:20] == 0).all()
    assert (fitted.rgb[:, 20:] == 255).all()


def test_fitting_keeps_a_mask_hard_and_empty_beside_the_photo() -> None:
    photo = GarmentPhoto.of(np.zeros((9, 9, 3), np.uint8), np.full((9, 9), 255, np.uint8))
    fitted = photo.fitted((20, 60))
    assert set(np.unique(fitted.mask[:, 20:40])) == {255}
    assert not fitted.mask[:, :20].any()
    assert not fitted.mask[:, 40:].any()
    assert (fitted.rgb[:, :20] == 255).all()
    assert fitted.mask_source == "file"


def test_a_mask_stays_hard_whatever_size_it_is_brought_to() -> None:
    rgb, mask = photoset.garment(1, SIZE)
    assert set(np.unique(GarmentPhoto.of(rgb, mask).fitted((33, 27)).mask)) == {0, 255}


@pytest.mark.parametrize("kind", [PersonPhoto, GarmentPhoto])
def test_a_photo_that_fits_is_not_touched(kind: type[PersonPhoto | GarmentPhoto]) -> None:
    photo = kind.decode(encode_png(PHOTO))
    assert photo.fitted((36, 48)) is photo
    for other in ((36, 49), (37, 48)):
        assert photo.fitted(other).rgb.shape == (*other, 3)


KEPT = {
    "JPEG": {"quality": 95},
    "JPEG, all colours": {"quality": 95, "subsampling": 0},
    "JPEG, progressive": {"progressive": True},
    "JPEG, gray": {},
    "PNG": {},
    "PNG, optimised": {"optimize": True},
    "WEBP": {"lossless": True},
}


@pytest.mark.parametrize("kind", KEPT)
def test_the_quick_decoder_sees_in_what_is_stored_what_the_strict_one_saw(kind: str) -> None:
    image = Image.fromarray(PHOTO).convert("L" if "gray" in kind else "RGB")
    content = encoded(image, kind.split(",")[0], **KEPT[kind])
    photo = PersonPhoto.decode(content)
    kept = stored(photo)
    assert (kept == content) == (kind.startswith(("JPEG", "PNG")) and "gray" not in kind)
    np.testing.assert_array_equal(quick_rgb(kept), photo.rgb)


@pytest.mark.parametrize("mask", [None, np.full((36, 48), 255, np.uint8)])
def test_a_garments_own_file_is_kept_wherever_its_mask_comes_from(mask: np.ndarray | None) -> None:
    content = encoded(PHOTO, "JPEG")
    assert stored(GarmentPhoto.decode(content, mask=mask)) == content


def test_a_photo_of_another_size_is_stored_as_it_was_fitted() -> None:
    fitted = PersonPhoto.decode(encode_png(PHOTO)).fitted((48, 64))
    np.testing.assert_array_equal(quick_rgb(stored(fitted)), fitted.rgb)


def test_a_photo_that_the_decoders_see_differently_is_stored_as_png(monkeypatch) -> None:
    photo = PersonPhoto.decode(encoded(PHOTO, "JPEG"))
    monkeypatch.setattr(entrance, "quick_rgb", lambda content: photo.rgb ^ 1)
    assert stored(photo) == encode_png(photo.rgb)


def test_a_photo_that_the_quick_decoder_cannot_read_is_stored_as_png(monkeypatch) -> None:
    def refuse(content: bytes) -> None:
        raise ImageError("a JPEG it does not know")

    photo = PersonPhoto.decode(encoded(PHOTO, "JPEG"))
    monkeypatch.setattr(entrance, "quick_rgb", refuse)
    assert stored(photo) == encode_png(photo.rgb)


@pytest.mark.parametrize("photo", [PersonPhoto, GarmentPhoto])
@pytest.mark.parametrize("size", [(12, 10), (31, 40), (40, 1000), (129, 32)])
def test_a_file_without_a_photos_size_is_refused(photo: Any, size: tuple[int, int]) -> None:
    height, width = size
    content = encode_png(np.zeros((*size, 3), np.uint8))
    with pytest.raises(PictureError, match=f"shop/a.png: {width}x{height} pixels .* at least 32"):
        photo.decode(content, "shop/a.png")


@pytest.mark.parametrize("size", [(32, 32), (128, 32), (32, 128)])
def test_the_smallest_and_the_longest_photo_are_read(size: tuple[int, int]) -> None:
    content = encode_png(np.zeros((*size, 3), np.uint8))
    assert PersonPhoto.decode(content).rgb.shape[:2] == size
    assert GarmentPhoto.decode(content, mask=np.zeros(size, np.uint8)).mask.shape == size


def test_only_an_estimated_mask_is_doubted_for_its_size() -> None:
    rgb = np.full((*SIZE, 3), 255, np.uint8)
    rgb[4:10, 4:10] = 90
    small = np.where(rgb[..., 0] < 255, 255, 0).astype(np.uint8)
    doubt = GarmentPhoto.of(rgb).doubt
    assert doubt and "of the picture" in doubt
    assert GarmentPhoto.of(rgb, small).doubt is None
    assert "black on white" in (GarmentPhoto.of(rgb, 255 - small).doubt or "")
    assert GarmentPhoto.decode(encoded(np.dstack([rgb, small]))).doubt is None


def test_a_photo_carries_what_cannot_be_told_of_its_colours() -> None:
    content = encoded(PHOTO, icc_profile=b"no profile" * 30)
    for photo in (PersonPhoto.decode(content), GarmentPhoto.decode(content)):
        assert photo.note and "colour profile cannot be used" in photo.note
    assert PersonPhoto.decode(encoded(PHOTO)).note is None


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_person_who_is_nowhere_on_the_photo_is_noted(alpha: int) -> None:
    blank = np.dstack(
        [PHOTO if alpha == 0 else PHOTO * 0, np.full(PHOTO.shape[:2], alpha, np.uint8)]
    )
    assert "blank" in (PersonPhoto.decode(encoded(blank)).note or "")
