"""Which pictures are nearly the same, by their thumbnails."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK = 512
# Root mean square difference of two thumbnails (0..255) below which they show the same photo,
# recompressed or resized.
SAME_THUMB = 6.0


def nearest_thumbs(queries: list[bytes], others: list[bytes]) -> Iterator[tuple[int, float]]:
    """Index in `others` of each thumbnail's most similar one, and their RMS difference (0..255).

    Thumbnails are uint8, all of one size. Infinitely far where there are no others. Works in
    blocks, so memory stays small.
    """
    if not others:
        yield from ((-1, np.inf) for _ in queries)
        return
    reference = _thumbs(others)
    norms = (reference**2).sum(axis=1)
    for start in range(0, len(queries), BLOCK):
        block = _thumbs(queries[start : start + BLOCK])
        squared = (block**2).sum(axis=1)[:, None] - 2 * block @ reference.T + norms
        nearest = squared.argmin(axis=1)
        # Once more by difference: the expanded square is not exact near zero.
        rms = np.sqrt(np.mean((block - reference[nearest]) ** 2, axis=1))
        yield from zip(nearest.tolist(), rms.tolist(), strict=True)


def _thumbs(thumbs: list[bytes]) -> NDArray[np.float32]:
    return np.stack([np.frombuffer(thumb, np.uint8) for thumb in thumbs]).astype(np.float32)
