import sys
from io import BytesIO
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from pfafn.photos import fitting, images, opening
from pfafn.photos.images import ImageError

H, W = 6, 8


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp() -> np.ndarray:
    return np.arange(H * W * 3, dtype=np.uint8).reshape(H, W, 3)


def test_png_round_trip_is_exact():
    np.testing.assert_array_equal(images.decode_rgb(images.encode_png(ramp())), ramp())


def test_equal_pictures_encode_to_equal_bytes():
    assert images.encode_png(ramp()) == images.encode_png(np.asfortranarray(ramp()))


def test_sixteen_bit_png_keeps_channel_order():
    array = np.zeros((H, W, 3), np.uint16)
    array[..., 0] = 40000
    decoded = cv2.imdecode(np.frombuffer(images.encode_png(array), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded[..., ::-1], array)


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    picture = images.decode_picture(encoded(Image.fromarray(ramp()), exif=exif))
    np.testing.assert_array_equal(picture.rgb, np.rot90(ramp(), -1))
    assert picture.original is None


def test_transparency_shows_white_and_is_returned():
    rgba = np.dstack([ramp(), np.zeros((H, W), np.uint8)])
    rgba[0, 0, 3] = 255
    picture = images.decode_picture(encoded(Image.fromarray(rgba)))
    np.testing.assert_array_equal(picture.rgb[0, 0], ramp()[0, 0])
    assert (picture.rgb[1:] == 255).all()
    assert picture.alpha.tolist() == rgba[..., 3].tolist()


def test_what_shines_through_is_rounded_to_the_nearest_shade():
    rgba = np.full((H, W, 4), (10, 80, 255, 100), np.uint8)
    shade = [round((colour * 100 + 255 * 155) / 255) for colour in (10, 80, 255)]
    assert images.decode_picture(encoded(Image.fromarray(rgba))).rgb[0, 0].tolist() == shade


def test_a_mask_that_is_as_transparent_everywhere_is_told_by_its_shades():
    rgba = np.full((H, W, 4), (0, 0, 0, 128), np.uint8)
    rgba[2:, :, :3] = 255
    mask = images.decode_gray(encoded(Image.fromarray(rgba)))
    np.testing.assert_array_equal(mask, rgba[..., 0])


MASKED = (np.arange(H * W).reshape(H, W) % 3 == 0).astype(np.uint8)


@pytest.mark.parametrize("shade", [1, 64, 128, 255])
@pytest.mark.parametrize("kind", ["gray", "palette", "16 bits"])
def test_a_mask_of_black_and_another_shade_is_white_there(shade: int, kind: str) -> None:
    image = Image.fromarray(MASKED * np.uint8(shade))
    if kind == "palette":
        image = Image.fromarray(MASKED)
        image.putpalette([0, 0, 0, shade, shade, shade])
    elif kind == "16 bits":
        image = Image.fromarray(MASKED * np.uint16(shade))
    assert (images.decode_gray(encoded(image)) == MASKED * 255).all()


def test_a_mask_of_more_shades_keeps_them() -> None:
    shades = MASKED * np.uint8(200)
    shades[0, 1] = 90
    assert (images.decode_gray(encoded(Image.fromarray(shades))) == shades).all()


def test_sixteen_bit_gray_keeps_its_high_byte():
    gray = np.full((H, W), 0x80FF, np.uint16)
    assert (images.decode_rgb(encoded(Image.fromarray(gray))) == 0x80).all()


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_other_colour_modes_become_rgb(mode):
    picture = images.decode_picture(
        encoded(Image.new("RGB", (W, H), "white").convert(mode), "TIFF")
    )
    assert picture.rgb.shape == (H, W, 3)
    assert (picture.rgb == 255).all()


def test_only_upright_eight_bit_rgb_jpeg_and_png_are_plain():
    rgb = Image.fromarray(ramp())
    for kind in ("PNG", "JPEG"):
        assert images.decode_picture(encoded(rgb, kind)).original == encoded(rgb, kind)
    deep = images.encode_png(np.zeros((H, W, 3), np.uint16))
    for content in (encoded(rgb, "BMP"), deep):
        assert images.decode_picture(content).original is None


@pytest.mark.parametrize("content", [b"", b"hello", encoded(Image.fromarray(ramp()))[:50]])
def test_damaged_bytes_name_the_file(content):
    with pytest.raises(ImageError, match="shop/shirt.png"):
        images.decode_rgb(content, "shop/shirt.png")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match="none.jpg: cannot be read .No such file"):
        images.read_rgb(tmp_path / "none.jpg")


def test_palette_indices_are_the_ids():
    palette = Image.new("P", (W, H), 5)
    palette.putpalette([255, 0, 0] * 256)
    assert (images.decode_ids(encoded(palette)) == 5).all()


def test_ids_of_one_bit_are_zero_and_one():
    bits = ramp()[..., 0] % 2
    assert np.array_equal(images.decode_ids(encoded(Image.fromarray(bits > 0))), bits)


def test_a_negative_id_is_refused():
    signed = encoded(Image.fromarray(np.array([[-1, 7]], np.int32)), "TIFF")
    with pytest.raises(ImageError, match=r"ids must be 0..255, found -1..7"):
        images.decode_ids(signed)


def test_gray_shown_as_rgb_still_gives_ids_but_colours_do_not():
    gray = np.repeat(np.full((H, W, 1), 13, np.uint8), 3, axis=2)
    assert (images.decode_ids(encoded(Image.fromarray(gray))) == 13).all()
    with pytest.raises(ImageError, match="colour"):
        images.decode_ids(encoded(Image.fromarray(ramp())))


@pytest.mark.parametrize("largest", [255, 256])
def test_ids_of_sixteen_bits_are_kept_if_they_fit_into_eight(largest):
    deep = encoded(Image.fromarray(np.array([[0, largest]], np.uint16)))
    if largest == 255:
        assert images.decode_ids(deep).tolist() == [[0, 255]]
    else:
        with pytest.raises(ImageError, match=r"ids must be 0..255, found 0..256"):
            images.decode_ids(deep)


def test_fit_leaves_a_picture_of_the_right_size_alone():
    assert fitting.fit(ramp(), (H, W), interpolation="smooth", fill=0) is not None
    np.testing.assert_array_equal(
        fitting.fit(ramp(), (H, W), interpolation="smooth", fill=0), ramp()
    )


def test_fit_with_equal_aspect_has_no_border():
    out = fitting.fit(np.full((H, W), 7, np.uint8), (9, 12), interpolation="smooth", fill=0)
    assert out.shape == (9, 12)
    assert (out == 7).all()


def test_fit_centres_and_fills_the_rest():
    out = fitting.fit(np.full((H, W), 7, np.uint8), (12, 8), interpolation="nearest", fill=1)
    assert (out[3:9] == 7).all()
    assert (out[:3] == 1).all()
    assert (out[9:] == 1).all()


def test_nearest_invents_no_ids():
    ids = np.random.default_rng(0).choice(np.array([0, 4, 13], np.uint8), (37, 23))
    out = fitting.fit(ids, (64, 64), interpolation="nearest", fill=0)
    assert set(np.unique(out)) <= {0, 4, 13}


def test_points_move_with_the_picture_and_missing_ones_stay_missing():
    picture = np.zeros((40, 30), np.uint8)
    picture[20:24, 10:14] = 255
    points = np.array([[11.5, 21.5, 1], [0, 0, 0]], np.float32)
    out = fitting.fit(picture, (128, 128), interpolation="smooth", fill=0)
    moved = fitting.fit_points(points, (40, 30), (128, 128))
    ys, xs = np.mgrid[:128, :128]
    centre = (xs * out).sum() / out.sum(), (ys * out).sum() / out.sum()
    np.testing.assert_allclose(moved[0, :2], centre, atol=0.1)
    assert (moved[1] == 0).all()


def test_all_ids_come_back_exactly():
    ids = np.arange(256, dtype=np.uint8).reshape(8, 32)
    np.testing.assert_array_equal(images.quick_gray(images.encode_png(ids)), ids)


@pytest.mark.parametrize("array", [ramp(), np.zeros((H, W), np.uint16)])
def test_ids_are_gray_of_eight_bits_or_refused(array):
    with pytest.raises(ImageError, match="ids of item 3: expected 8-bit gray, found uint"):
        images.quick_gray(images.encode_png(array), "ids of item 3")


@pytest.mark.parametrize("content", [b"", b"hello", encoded(Image.fromarray(ramp()))[:50]])
def test_broken_bytes_in_a_shard_name_the_picture(content):
    with pytest.raises(ImageError, match="person of item 3: damaged picture in a shard"):
        images.quick_rgb(content, "person of item 3")


@pytest.mark.parametrize("shape", [(H, W, 3), (H, W), (1, 1)])
def test_packed_pixels_come_back_exactly(shape):
    array = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    packed = images.pack(np.asfortranarray(array))
    assert packed == images.pack(array)
    np.testing.assert_array_equal(images.unpack(packed, shape), array)


@pytest.mark.parametrize("content", [b"", images.pack(ramp())[:-3], images.pack(ramp()[1:])])
def test_packed_pixels_of_another_shape_are_refused(content):
    with pytest.raises(ImageError, match="fake in row 3: no packed picture of"):
        images.unpack(content, (H, W, 3), "fake in row 3")


HEIC = b"\0\0\0\x18ftypmif1\0\0\0\0heicmif1" + bytes(8)


def test_a_heic_photo_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="IMG_1.HEIC: a HEIC photo, .*pip install pillow-heif"):
        images.decode_rgb(HEIC, "IMG_1.HEIC")


def test_a_heic_photo_is_read_where_pillow_can(monkeypatch):
    for table in ("OPEN", "ID"):
        monkeypatch.setattr(Image, table, Image.__dict__[table].copy())
    red = Image.new("RGB", (W, H), "red")
    red.format = "HEIF"
    opener = SimpleNamespace(
        register_heif_opener=lambda: Image.register_open("HEIF", lambda file, name: red)
    )
    monkeypatch.setitem(sys.modules, "pillow_heif", opener)
    np.testing.assert_array_equal(images.decode_rgb(HEIC), np.asarray(red))
    with pytest.raises(ImageError, match="HEIF does not keep ids exactly"):
        images.decode_ids(HEIC)


def test_an_avif_is_no_heic(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    content = encoded(Image.new("RGB", (W, H), "white"), "AVIF")
    assert images.decode_rgb(content).shape == (H, W, 3)


@pytest.mark.parametrize(
    ("name", "is_picture"),
    [("a.JPG", True), ("b.heic", True), ("._a.jpg", False), (".hidden.png", False),
     ("a.jpg.txt", False), ("jpg", False)],
)  # fmt: skip
def test_a_picture_is_told_by_its_name(name, is_picture):
    assert opening.is_picture_name(name) is is_picture
