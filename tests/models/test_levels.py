"""From one pyramid level to the next, as the published weights expect it."""

import torch

from pfafn.models.geometry import resize, upsample

RAMP = torch.tensor([0.0, 1, 2]).expand(1, 2, 4, 3)
DOUBLED = torch.tensor([0, 0.25, 0.75, 1.25, 1.75, 2])  # pixels are areas, not points


def test_twice_the_size_lies_between_the_pixels_along_both_axes() -> None:
    torch.testing.assert_close(upsample(RAMP), DOUBLED.expand(1, 2, 8, 6))
    torch.testing.assert_close(upsample(RAMP.mT), DOUBLED[:, None].expand(1, 2, 6, 8))


def test_a_picture_is_resized_as_a_grid_is() -> None:
    torch.testing.assert_close(resize(RAMP, (8, 6)), upsample(RAMP))


def test_a_picture_a_quarter_as_large_is_sampled_without_averaging_all_of_it() -> None:
    row = torch.arange(8.0).expand(1, 1, 8, 8)
    torch.testing.assert_close(resize(row, (2, 2))[0, 0], torch.tensor([[1.5, 5.5]] * 2))
    spike = torch.zeros(1, 1, 8, 8)
    spike[..., 0, 0] = 1  # between the samples, as no antialiasing spreads it
    assert not resize(spike, (2, 2)).any()
