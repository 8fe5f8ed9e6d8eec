"""Another size: what becomes of pixels and points, by known answers."""

import io

import numpy as np
import pytest
from PIL import Image

from pfafn.photos.entrance import PersonPhoto, stored
from pfafn.photos.fitting import fit, fit_points, missing, placement
from pfafn.photos.images import quick_rgb


def test_shrinking_averages_and_does_not_pick() -> None:
    stripes = np.tile(np.array([0, 0, 0, 255], np.uint8), (32, 12))
    small = fit(stripes, (8, 12), interpolation="smooth", fill=0)
    assert (small == 64).all()


def test_growing_interpolates() -> None:
    ramp = np.repeat(np.array([[0, 100, 200]], np.uint8), 2, axis=0)
    assert fit(ramp, (4, 6), interpolation="smooth", fill=0)[0].tolist() == [
        0,
        25,
        75,
        125,
        175,
        200,
    ]


@pytest.mark.parametrize(
    ("source", "target", "corner", "size"),
    [
        ((10, 20), (40, 40), (10, 0), (20, 40)),  # wide: bars above and below
        ((20, 10), (40, 40), (0, 10), (40, 20)),  # tall: bars at the sides
        ((10, 20), (40, 20), (15, 0), (10, 20)),
        ((100, 75), (256, 193), (0, 0), (256, 193)),  # a bar of one pixel is none
        ((75, 100), (193, 256), (0, 0), (193, 256)),
    ],
)
def test_a_picture_is_centred_with_its_aspect(
    source: tuple, target: tuple, corner: tuple, size: tuple
) -> None:
    place = placement(source, target)
    assert ((place.top, place.left), (place.height, place.width)) == (corner, size)


def test_points_go_where_the_pixels_around_them_go() -> None:
    # 10 x 20 into 40 x 40: twice as large, ten rows further down; centres are at halves.
    points = np.array([[0, 3, 0.5], [19, 9, 0.25]], np.float32)
    moved = fit_points(points, (10, 20), (40, 40))
    np.testing.assert_allclose(moved, [[0.5, 16.5, 0.5], [38.5, 28.5, 0.25]])


def test_axes_scale_apart_where_a_bar_was_no_bar() -> None:
    moved = fit_points(np.array([[74.5, 99.5, 1]], np.float32), (100, 75), (256, 193))
    np.testing.assert_allclose(moved, [[192.5, 255.5, 1]], atol=1e-4)


@pytest.mark.parametrize(
    ("point", "is_missing"), [((0, 0, 0.9), True), ((0, 5, 0), False), ((5, 0, 0), False)]
)
def test_a_point_is_missing_where_both_coordinates_are_zero(point: tuple, is_missing: bool) -> None:
    assert missing(np.array([point], np.float32)).tolist() == [is_missing]


def test_a_photo_of_another_aspect_is_kept_on_white() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((32, 64, 3), np.uint8)).save(buffer, "PNG")
    content = buffer.getvalue()
    kept = quick_rgb(stored(PersonPhoto.decode(content).fitted((64, 64))))
    assert (kept[:16] == 255).all() and (kept[48:] == 255).all()
    assert (kept[16:48] == 0).all()
