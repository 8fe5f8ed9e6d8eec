"""Which photos of garments have a white background, and what is cut from the others."""

import io
import re

import cv2
import numpy as np
import photoset
import pytest
from PIL import Image

from pfafn.photos.images import decode_gray
from pfafn.photos.masks import doubt, garment_mask

H, W = SIZE = (96, 64)


def photo(background: int) -> tuple[np.ndarray, np.ndarray]:
    rgb, truth = photoset.garment(1, SIZE)
    rgb[truth == 0] = background
    return rgb, truth > 0


@pytest.mark.parametrize(
    ("background", "source"), [(255, "white"), (246, "white"), (245, "grabcut")]
)
def test_a_background_is_white_down_to_what_a_camera_makes_of_it(
    background: int, source: str
) -> None:
    rgb, truth = photo(background)
    mask, told = garment_mask(rgb)
    assert told == source
    assert ((mask > 0) == truth).mean() > 0.97


@pytest.mark.parametrize("edge", [np.s_[-1:], np.s_[:1], np.s_[:, :1], np.s_[:, -1:]])
def test_every_edge_of_the_picture_is_looked_at(edge: tuple) -> None:
    rgb, _ = photo(255)
    rgb[edge] = (40, 90, 40)
    assert garment_mask(rgb)[1] == "grabcut"


@pytest.mark.parametrize("turns", range(4))
def test_between_legs_that_end_at_any_edge_is_background(turns: int) -> None:
    truth = np.zeros(SIZE, bool)
    truth[40:, 20:44] = True
    truth[50:, 28:36] = False
    truth = np.rot90(truth, turns)
    mask, source = garment_mask(np.where(truth[..., None], 60, 255).repeat(3, 2).astype(np.uint8))
    assert source == "white"
    assert ((mask > 0) != truth).sum() <= 8  # corners


def test_what_shows_through_a_garment_cut_by_colour_belongs_to_it() -> None:
    rgb, truth = photo(120)
    hole = (slice(44, 52), slice(28, 36))
    rgb[hole] = 120
    mask, source = garment_mask(rgb)
    assert source == "grabcut"
    assert truth[hole].all() and mask[hole].all()


def test_a_mask_with_transparency_is_its_transparency() -> None:
    gray, alpha = np.full((2, *SIZE), 200, np.uint8)
    alpha[: H // 2] = 0
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([gray, gray, gray, alpha])).save(buffer, "PNG")
    assert np.array_equal(decode_gray(buffer.getvalue()), alpha)


@pytest.mark.parametrize("white", [247, 251])
def test_a_white_garment_is_told_from_a_whiter_background(white: int) -> None:
    rgb, truth = photo(255)
    rgb[truth] = white
    rgb[40:44, 20:44] = 90
    mask, source = garment_mask(rgb)
    assert source == "white"
    # The outermost pixels might as well be a fringe.
    assert ((mask > 0) & truth).sum() == (mask > 0).sum() > 0.8 * truth.sum()


def test_a_fringe_of_compression_is_no_garment() -> None:
    rgb, truth = photo(255)
    fringed = cv2.dilate(truth.astype(np.uint8), np.ones((5, 5))) > 0
    rgb[fringed & ~truth] = 247
    assert (((garment_mask(rgb)[0] > 0) == truth).mean()) > 0.99


def test_a_white_background_may_be_lit_unevenly() -> None:
    rgb, truth = photo(255)
    light = np.repeat(np.linspace(247, 255, W).astype(np.uint8)[None], H, axis=0)
    rgb[~truth] = light[~truth][:, None]
    assert ((garment_mask(rgb)[0] > 0) == truth).mean() > 0.99


def test_a_white_background_may_be_a_little_darker_around_the_garment() -> None:
    rgb, truth = photo(255)
    around = cv2.dilate(truth.astype(np.uint8), np.ones((15, 15))) > 0
    rgb[around & ~truth] = 252
    assert ((garment_mask(rgb)[0] > 0) == truth).mean() > 0.99


def test_a_white_garment_may_touch_the_border() -> None:
    rgb, truth = photo(255)
    truth[50:60] = True
    rgb[truth] = 249
    mask = garment_mask(rgb)[0]
    assert mask[55].all()
    assert (mask[truth] > 0).mean() > 0.75 and not mask[~truth].any()


def comb(teeth: int) -> np.ndarray:
    """A mask of one piece with so many slits."""
    mask = np.zeros((96, 128), np.uint8)
    mask[8:88, 8:120] = 255
    for n in range(teeth):
        mask[16:88, 10 + 10 * n : 14 + 10 * n] = 0
    return mask


DOUBTED = {
    "in 2 pieces": np.concatenate([comb(0), comb(0)]),
    "ragged .* squared is 651 times": comb(11),
    "covers 4.0% of the picture": np.pad(np.full((16, 16), 255, np.uint8), 32),
}


@pytest.mark.parametrize("why", DOUBTED)
def test_an_estimate_that_is_hardly_one_garment_is_doubted_with_a_number(why: str) -> None:
    said = doubt(DOUBTED[why], "white")
    assert said and re.search(why, said)
    assert "give a mask" in said


@pytest.mark.parametrize("mask", [comb(0), comb(2), np.zeros(SIZE, np.uint8)])
def test_one_smooth_piece_is_not_doubted_nor_is_what_is_refused_anyway(mask: np.ndarray) -> None:
    assert doubt(mask, "white") is None


def armed(white: int = 255) -> tuple[np.ndarray, np.ndarray]:
    """A gray body with two arms that touch it at the hips: the gaps between are background."""
    truth = np.zeros(SIZE, bool)
    truth[10:80, 8:56] = True
    truth[30:76, 14:19] = truth[30:76, 45:50] = False
    return np.where(truth[..., None], 120, white).repeat(3, 2).astype(np.uint8), truth


def test_between_body_and_an_arm_that_touches_it_is_background() -> None:
    rgb, truth = armed()
    assert ((garment_mask(rgb)[0] > 0) != truth).sum() <= 16  # corners


@pytest.mark.parametrize("hole", [np.s_[30:76, 30:35], np.s_[40:50, 28:38]])
def test_white_stripes_and_spots_of_a_garment_are_of_it(hole: tuple) -> None:
    rgb, _ = armed()
    rgb[hole] = 255  # long, but the third; or not long
    if hole[0].stop == 50:
        rgb[30:76, 14:19] = rgb[30:76, 45:50] = 120
    assert garment_mask(rgb)[0][hole].all()


def test_a_soft_edge_ends_where_it_is_hardly_as_dark_as_the_garment() -> None:
    rgb, truth = photo(255)
    rgb[truth] = 55
    soft = cv2.GaussianBlur(rgb, (0, 0), 1.2)
    assert ((garment_mask(soft)[0] > 0) != truth).sum() < 0.04 * truth.sum()


def test_around_a_garment_on_light_gray_is_a_fringe_as_well() -> None:
    rgb, truth = photo(246)
    fringed = cv2.dilate(truth.astype(np.uint8), np.ones((9, 9))) > 0
    rgb[fringed & ~truth] = 240
    mask, source = garment_mask(rgb)
    assert source == "white"
    assert ((mask > 0) == truth).mean() > 0.98


@pytest.mark.parametrize("background", [255, 120])
def test_of_a_large_photo_the_mask_is_that_of_a_small_one(background: int) -> None:
    rgb, truth = (np.kron(part, np.ones((20, 20, 1)[: part.ndim])) for part in photo(background))
    mask, _ = garment_mask(rgb.astype(np.uint8))
    assert mask.shape == truth.shape
    assert set(np.unique(mask)) == {0, 255}
    assert ((mask > 0) == (truth > 0)).mean() > 0.97
