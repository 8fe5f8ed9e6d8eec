"""What glibc does with memory that is given back; elsewhere nothing. Speed and peak only."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Parameters of mallopt(3).
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
PAGES_FROM, HEAP_UP_TO = 128 * 2**10, 32 * 2**20  # bytes; glibc's first and its largest threshold
MAPPINGS = 65536  # at most, as glibc begins with


def _tune() -> Callable[[int, int], int] | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return getattr(library, "mallopt", None)


@contextmanager
def weights_apart() -> Iterator[None]:
    """Weights made and dropped meanwhile leave no holes in the heap.

    Each gets pages of its own, which go back to the system with it. Holes would fit none of the
    weights that replace others of slightly smaller size, nor the features computed later.
    """
    if (tune := _tune()) is None:
        yield
        return
    tune(MMAP_THRESHOLD, PAGES_FROM)
    try:
        yield
    finally:
        # What glibc comes to by itself once a large block was dropped: features reuse their memory.
        tune(MMAP_THRESHOLD, HEAP_UP_TO)
        tune(TRIM_THRESHOLD, 2 * HEAP_UP_TO)


@contextmanager
def kept() -> Iterator[None]:
    """Nothing goes back to the system, for steps that ask for the same memory again and again.

    Of a large block the system would take back every page, and clear each for the next step.
    """
    if (tune := _tune()) is None:
        yield
        return
    tune(MMAP_MAX, 0)
    tune(TRIM_THRESHOLD, -1)  # never
    try:
        yield
    finally:
        tune(MMAP_MAX, MAPPINGS)
        tune(TRIM_THRESHOLD, 2 * HEAP_UP_TO)
