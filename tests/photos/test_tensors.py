"""Bytes to the networks' range and back, by known answers."""

import numpy as np
import pytest
import torch

from pfafn.photos.tensors import mask_tensor, picture_tensor, to_pixels


def test_every_byte_comes_back_from_the_networks_range() -> None:
    bytes_ = np.arange(256, dtype=np.uint8)
    picture = np.dstack([bytes_[None], 255 - bytes_[None], bytes_[None] // 2])
    assert np.array_equal(to_pixels(picture_tensor(picture)[None])[0], picture)


def test_black_is_minus_one_white_is_one_and_red_comes_first() -> None:
    picture = np.array([[(0, 0, 0), (255, 255, 255), (255, 0, 51)]], np.uint8)
    expected = torch.tensor([[-1.0, -1, -1], [1, 1, 1], [1, -1, -0.6]]).T[:, None]
    torch.testing.assert_close(picture_tensor(picture), expected)


@pytest.mark.parametrize(
    ("value", "byte"),
    [(-1, 0), (1, 255), (-7, 0), (1.5, 255), (0.25, 159), (0.2549, 160), (0.2471, 159)],
)
def test_what_is_drawn_is_rounded_to_nearest_and_never_wraps_round(value: float, byte: int) -> None:
    assert (to_pixels(torch.full((1, 3, 2, 3), value)) == byte).all()


def test_pictures_of_a_batch_keep_their_places() -> None:
    images = torch.rand(2, 3, 4, 5) * 2 - 1
    pixels = to_pixels(images)
    assert pixels.shape == (2, 4, 5, 3)
    expected = ((images[1, 2, 3, 4] + 1) * 127.5).round()
    assert pixels[1, 3, 4, 2] == expected


def test_a_hard_mask_is_one_on_the_garment() -> None:
    mask = mask_tensor(np.array([[0, 0, 255], [255, 0, 255]], np.uint8))
    assert mask.tolist() == [[[0, 0, 1], [1, 0, 1]]]
    assert mask.dtype == torch.float32
