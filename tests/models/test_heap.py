"""Memory that steps ask for again and again is cleared by the system once."""

import platform
import resource

import pytest
import torch

from pfafn.models import heap

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")

BLOCK = 64 * 2**20  # bytes, larger than what glibc keeps by itself


def pages_cleared() -> int:
    """How many pages the system cleared for four blocks that were asked for and given back."""
    for turn in range(8):
        if turn == 4:  # by now the heap has found its size
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(BLOCK, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_large_block_is_cleared_anew_each_time_unless_it_is_kept() -> None:
    often = pages_cleared()
    with heap.kept():
        rarely = pages_cleared()
    assert rarely < often / 10
    assert pages_cleared() > often / 2
