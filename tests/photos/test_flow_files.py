import cv2
import numpy as np
import pytest

from pfafn.photos.flow_files import decode_flow, encode_flow, fit_flow
from pfafn.photos.images import ImageError, encode_png

H, W = SIZE = (64, 48)


def shift(dx: float, dy: float) -> tuple[np.ndarray, np.ndarray]:
    """A constant flow, known in the upper half."""
    known = np.zeros(SIZE, bool)
    known[: H // 2] = True
    return np.full((*SIZE, 2), (dx, dy), np.float32), known


def fitted(flow, known, garment, size):
    return decode_flow(fit_flow(encode_flow(flow, known), garment, size, "f.png"), "f.png")


def test_a_flow_file_comes_back_in_pixels_x_first():
    flow, known = decode_flow(encode_flow(*shift(3.5, -2.25)), "f.png")
    np.testing.assert_array_equal(known, shift(0, 0)[1])
    assert flow[known].tolist() == [[3.5, -2.25]] * known.sum()
    assert (flow[~known] == 0).all()


def test_a_flow_that_fits_keeps_its_bytes():
    content = encode_flow(*shift(1, 2))
    assert fit_flow(content, SIZE, SIZE, "f.png") is content


def test_a_flow_grows_with_the_pictures():
    flow, known = fitted(*shift(3, -2), garment=SIZE, size=(2 * H, 2 * W))
    assert known[:H].all()
    assert not known[H:].any()
    np.testing.assert_allclose(flow[known], np.full((known.sum(), 2), (6, -4)), atol=0.02)


def test_letterboxing_moves_both_ends_of_a_flow():
    flow, known = fitted(*shift(3, -2), garment=SIZE, size=(H, 2 * W))
    assert not known[:, : W // 2].any()
    np.testing.assert_allclose(flow[known], np.full((known.sum(), 2), (3, -2)), atol=0.02)


def test_a_garment_of_another_size_is_pointed_into_after_fitting():
    flow, known = fitted(*shift(0, 0), garment=(H, 2 * W), size=SIZE)
    y, x = 10, 20
    # The wide garment is halved and centred: its pixel (20, 10) lies at (9.75, 20.75).
    np.testing.assert_allclose(flow[y, x], (9.75 - x, 20.75 - y), atol=0.02)


def test_another_picture_is_refused_by_name():
    with pytest.raises(ImageError, match=r"f\.png.*16-bit"):
        decode_flow(encode_png(np.zeros((H, W, 3), np.uint8)), "f.png")


def test_a_flow_is_of_the_pixels_that_were_fitted_not_of_their_corners():
    # The person is doubled, the garment is not: pixel 21 was pixel 10.25 and keeps its source.
    flow, known = fitted(*shift(3, -2), garment=(2 * H, 2 * W), size=(2 * H, 2 * W))
    assert known[21, 21]
    np.testing.assert_allclose(flow[21, 21], (10.25 + 3 - 21, 10.25 - 2 - 21), atol=0.02)


def test_a_garment_with_bars_at_its_sides_is_pointed_into_between_them():
    flow, known = fitted(*shift(0, 0), garment=(2 * H, W), size=SIZE)
    # It is halved and centred: its pixel (20, 10) lies at (9.75 + 12, 4.75).
    np.testing.assert_allclose(flow[10, 20], (21.75 - 20, 4.75 - 10), atol=0.02)


def test_a_flow_file_is_what_its_format_says():
    # R and G are 64 steps a pixel from 32768, B tells that it is known; OpenCV writes BGR.
    flow, known = np.zeros((*SIZE, 2), np.float32), np.zeros(SIZE, bool)
    flow[5, 7], known[5, 7] = (3.5, -2.25), True
    bgr = cv2.imdecode(np.frombuffer(encode_flow(flow, known), np.uint8), cv2.IMREAD_UNCHANGED)
    assert bgr.dtype == np.uint16
    assert bgr[5, 7].tolist() == [1, 32768 - 144, 32768 + 224]
    assert bgr.sum() == bgr[5, 7].sum()
