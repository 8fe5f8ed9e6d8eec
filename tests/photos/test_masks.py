import cv2
import numpy as np
import photoset
import pytest

from pfafn.photos import masks

H, W = SIZE = (128, 96)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return ((one > 0) & (other > 0)).sum() / ((one > 0) | (other > 0)).sum()


def test_jpeg_noise_is_thresholded():
    assert masks.binary(np.array([[0, 9, 127, 128, 250]], np.uint8)).tolist() == [
        [0, 0, 0, 255, 255]
    ]


def test_area_is_a_share_of_the_picture():
    mask = np.zeros(SIZE, np.uint8)
    mask[: H // 4] = 255
    assert masks.area(mask) == 0.25


def test_transparency_is_the_mask():
    rgb, truth = photoset.garment(1, SIZE)
    mask, source = masks.garment_mask(rgb, alpha=truth)
    assert source == "alpha"
    np.testing.assert_array_equal(mask, truth)


@pytest.mark.parametrize("alpha", [0, 255])
def test_even_transparency_says_nothing(alpha):
    rgb, truth = photoset.garment(1, SIZE)
    mask, source = masks.garment_mask(rgb, np.full(SIZE, alpha, np.uint8))
    assert source == "white"
    assert iou(mask, truth) > 0.98


def test_white_inside_a_garment_belongs_to_it():
    rgb, truth = photoset.garment(1, SIZE)
    rgb[50:60, 40:50] = 255
    mask, _ = masks.garment_mask(rgb)
    assert (mask[50:60, 40:50] == 255).all()


def test_a_pure_colour_is_not_white():
    rgb, truth = photoset.garment(1, SIZE)
    rgb[truth > 0] = 255, 0, 0
    mask, source = masks.garment_mask(rgb)
    assert source == "white"
    assert iou(mask, truth) > 0.98


def test_specks_are_dust():
    rgb, _ = photoset.garment(1, SIZE)
    rgb[5:8, 5:8] = 0
    assert not masks.garment_mask(rgb)[0][5:8, 5:8].any()


@pytest.mark.parametrize("background", [(90, 140, 90), (40, 40, 60)])
def test_other_backgrounds_are_cut_by_colour(background):
    rgb, truth = photoset.garment(1, SIZE)
    noise = np.random.default_rng(0).integers(-6, 6, rgb.shape)
    rgb[truth == 0] = background
    rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    mask, source = masks.garment_mask(rgb)
    assert source == "grabcut"
    assert mask.shape == SIZE
    assert iou(mask, truth) > 0.9


def test_the_same_photo_gives_the_same_mask():
    rgb, truth = photoset.garment(2, SIZE)
    rgb[truth == 0] = 100
    one, other = masks.garment_mask(rgb)[0], masks.garment_mask(rgb)[0]
    np.testing.assert_array_equal(one, other)


def test_an_all_white_photo_has_an_empty_mask():
    assert not masks.garment_mask(np.full((*SIZE, 3), 255, np.uint8))[0].any()


def test_a_masks_border_is_counted_once_around() -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[:, :3] = 255  # 4 + 2 + 2 of 16 pixels of the border
    assert masks.border(mask) == 0.5
    assert masks.border(255 - mask) == 0.5
    mask[0, 3] = 255
    assert masks.border(mask) == pytest.approx(9 / 16)


def test_a_given_mask_that_covers_most_of_the_border_is_doubted():
    _, mask = photoset.garment(1, SIZE)
    assert masks.doubt(mask, "file") is None
    assert "black on white" in masks.doubt(255 - mask, "file")
    half = np.zeros(SIZE, np.uint8)
    half[:, : W // 2] = 255
    assert masks.border(half) == 0.5
    assert masks.doubt(half, "file") is None


@pytest.mark.parametrize(
    ("gap", "height", "pieces"), [(6, 20, 2), (4, 20, None), (6, 10, 2), (6, 9, None)]
)
def test_a_given_mask_with_a_large_piece_far_from_the_rest_is_doubted(
    gap: int, height: int, pieces: int | None
) -> None:
    mask = np.zeros((256, 192), np.uint8)
    mask[20:120, 40:80] = 255
    mask[20 : 20 + height, 80 + gap - 1 : 120 + gap - 1] = 255  # from the last pixel to the first
    said = masks.doubt(mask, "file")
    assert said == (pieces and f"the mask is in {pieces} pieces far apart: does it lack a part of "
                    "the garment?")  # fmt: skip
    doubled = np.kron(mask, np.ones((2, 2), np.uint8))
    assert masks.doubt(doubled, "file") == said


def test_what_others_drew_from_opencvs_generator_does_not_change_a_mask():
    colours = np.random.default_rng(0).integers(0, 256, (12, 8, 3))
    patchwork = np.kron(colours, np.ones((8, 8, 1))).astype(np.uint8)
    cut = []
    for seed in (1, 2):
        cv2.setRNGSeed(seed)
        cut.append(masks.garment_mask(patchwork)[0])
    assert 0.1 < masks.area(cut[0]) < 0.9
    np.testing.assert_array_equal(*cut)
