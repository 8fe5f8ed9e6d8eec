"""Memory that steps ask for again and again is cleared by the system once."""

import multiprocessing
import platform
import resource
import subprocess
import sys

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


# Shared before there are threads. The first one asks until the heap has found its size.
OF_TWO_THREADS = """
from concurrent.futures import ThreadPoolExecutor
from resource import RUSAGE_SELF, getrusage
from pfafn.kit import heap

def ask():
    b"x" * BLOCK

heap.shared()
with heap.kept(), ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
    for _ in range(8):
        one.submit(ask).result()
    before = getrusage(RUSAGE_SELF).ru_minflt
    other.submit(ask).result()
    print(getrusage(RUSAGE_SELF).ru_minflt - before)
"""


def test_kept_memory_is_not_cleared_again_when_it_is_asked_for_again() -> None:
    # In a process of its own: what other tests left in a heap would serve the blocks.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        cleared = pool.apply(pages_cleared)
    assert cleared < BLOCK // resource.getpagesize()


def test_of_a_shared_heap_one_thread_uses_what_another_one_has_given_back() -> None:
    code = OF_TWO_THREADS.replace("BLOCK", str(BLOCK))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(done.stdout) < BLOCK // resource.getpagesize() // 2
