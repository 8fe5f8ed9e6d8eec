"""How far apart the colours of two pictures are, pixel by pixel."""

import numpy as np

from benchmarks.colours import apart


def test_black_and_white_are_as_far_apart_as_can_be() -> None:
    black = np.zeros((3, 5, 3), np.uint8)
    assert not apart(black, black).any()
    np.testing.assert_allclose(apart(black, 255 - black), np.full((3, 5), 100), atol=0.01)
