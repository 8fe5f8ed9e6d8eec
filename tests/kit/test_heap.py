"""Memory that steps ask for again and again is cleared by the system once."""

import multiprocessing
import platform
import resource

import pytest
import torch

from pfafn.kit import heap

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")

BLOCK, BLOCKS = 24 * 2**20, 6  # bytes that glibc has in its heap; together more than it keeps
WARM_UP, TURNS = 8, 4


def pages_cleared() -> int:
    """How many pages the system cleared for turns that ask for blocks and give them back."""
    with heap.kept():
        for turn in range(WARM_UP + TURNS):
            if turn == WARM_UP:  # by now the heap has found its size
                before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            blocks = [torch.ones(BLOCK, dtype=torch.uint8) for _ in range(BLOCKS)]
            del blocks
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_kept_memory_is_not_cleared_again_when_it_is_asked_for_again() -> None:
    # In a process of its own: what other tests left in a heap would serve the blocks.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        cleared = pool.apply(pages_cleared)
    assert cleared < BLOCK // resource.getpagesize()
