"""Pictures that are nearly the same, by their thumbnails."""

import numpy as np
import pytest

from pfafn.data import thumbs
from pfafn.data.thumbs import nearest_thumbs


def shades(*shades: int) -> list[bytes]:
    """Small pictures of one shade each."""
    return [np.full(12, shade, np.uint8).tobytes() for shade in shades]


@pytest.mark.parametrize("block", [1, 2, 512])
def test_the_nearest_picture_and_its_difference_are_found_in_blocks_of_any_size(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbs, "BLOCK", block)
    nearest = list(nearest_thumbs(shades(0, 255, 100), shades(90, 7, 250)))
    assert nearest == [(1, 7.0), (2, 5.0), (0, 10.0)]


def test_nobody_is_near_one_where_there_are_no_others() -> None:
    assert list(nearest_thumbs(shades(1, 2), [])) == [(-1, np.inf)] * 2
