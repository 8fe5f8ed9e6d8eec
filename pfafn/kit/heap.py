"""What glibc does with memory that is given back; elsewhere nothing. Speed and peak only."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # parameters of mallopt(3)
PAGES_FROM, HEAP_UP_TO = 128 * 2**10, 32 * 2**20  # bytes; glibc's first and its largest threshold


def _ask(name: str, *given: int) -> None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if function := getattr(library, name, None):
        function(*given)


def _tune(parameter: int, value: int) -> None:
    _ask("mallopt", parameter, value)


def shared() -> None:
    """Threads get no heaps of their own: what one has given back another one can use.

    Else each keeps the most that it has ever needed. To be called before there are threads.
    """
    _tune(ARENA_MAX, 1)


def give_back() -> None:
    """What is free goes back to the system, between what is held as well."""
    _ask("malloc_trim", 0)


@contextmanager
def weights_apart() -> Iterator[None]:
    """Weights made and dropped meanwhile leave no holes in the heap.

    Each gets pages of its own, which go back to the system with it. Holes would fit none of the
    weights that replace others of slightly smaller size, nor the features computed later.
    """
    _tune(MMAP_THRESHOLD, PAGES_FROM)
    try:
        yield
    finally:
        # What glibc comes to by itself once a large block was dropped: features reuse their memory.
        _tune(MMAP_THRESHOLD, HEAP_UP_TO)
        _tune(TRIM_THRESHOLD, 2 * HEAP_UP_TO)


@contextmanager
def kept() -> Iterator[None]:
    """The heap never shrinks, for steps that ask for the same memory again and again.

    The system would clear each page anew for the next step. Blocks that glibc never has in its heap
    still go back: holes as large as these, which a slightly larger block cannot use, would add up.
    """
    _tune(MMAP_THRESHOLD, HEAP_UP_TO)
    _tune(TRIM_THRESHOLD, -1)  # never
    try:
        yield
    finally:
        _tune(TRIM_THRESHOLD, 2 * HEAP_UP_TO)
