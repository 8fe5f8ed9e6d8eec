"""What the result in the photo is judged by: known answers."""

import numpy as np
import pytest

from benchmarks.pasting import REACH, SQUARE, aligned, psnr, steps

H, W = SIZE = (3 * SQUARE, 4 * SQUARE)
EVERYWHERE = np.ones(SIZE, bool)
PRINT = np.random.default_rng(3).integers(0, 256, (*SIZE, 3), np.uint8)


def test_a_print_that_lies_a_few_pixels_aside_is_found_and_a_blurred_one_is_not() -> None:
    aside = np.roll(PRINT, (REACH, -3), axis=(0, 1))
    gray = np.full_like(PRINT, 128)
    assert psnr(gray, PRINT, EVERYWHERE) > psnr(aside, PRINT, EVERYWHERE) + 2
    assert aligned(aside, PRINT, EVERYWHERE) > aligned(gray, PRINT, EVERYWHERE) + 50


def test_a_print_of_half_the_contrast_has_a_quarter_of_the_sharpness() -> None:
    share = steps(64 + PRINT // 2, EVERYWHERE) / steps(PRINT, EVERYWHERE)
    assert share == pytest.approx(0.25, abs=0.01)
