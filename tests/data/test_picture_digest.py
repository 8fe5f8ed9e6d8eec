"""When two pictures count as the same one."""

import numpy as np

from pfafn.data.inspection import digest


def test_equal_pixels_of_equal_size_are_one_picture_and_nothing_else_is() -> None:
    rgb = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    assert digest(rgb) == digest(np.asfortranarray(rgb))
    assert digest(rgb) != digest(rgb.reshape(6, 4, 3))
    assert digest(rgb) != digest(rgb[::-1])
