"""How many threads torch computes with on a CPU: one for each core that nobody else uses.

Threads of one sum wait for each other, spinning. If another program takes the core of one of them,
the others spin until it comes back: all are slowed down several times, and one thread less is
faster. The number decides the last bits, so it is settled once, before a stage computes.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pfafn.kit.progress import tell

SETTING = "OMP_NUM_THREADS"  # the user's, which always wins
STAT = Path("/proc/stat")  # Linux alone tells what each core does
WORKING = (1, 2, 3, 6, 7)  # in its lines: user, nice, system, interrupts of two kinds
LOOK = 0.5  # seconds
LOOKS = 6  # a program that starts is busy for a moment, which is no reason
NOTABLE = 0.5  # of a core

_choosing = False


@contextmanager
def choosing() -> Iterator[None]:
    """Let `settle` change the number of threads, which is this process's: only a command may."""
    global _choosing
    _choosing = True
    try:
        yield
    finally:
        _choosing = False


def settle(begun: Callable[[int], bool]) -> int:
    """Settle how many threads compute from now on, and return it.

    As many as torch has, unless `choosing` and OMP_NUM_THREADS is not set: then as many as the work
    was begun with, or else those for which there is a free core, at least one.
    """
    import torch

    most = torch.get_num_threads()
    if not _choosing or os.environ.get(SETTING) or not STAT.exists():
        return most
    earlier = next(filter(begun, range(most, 0, -1)), None)
    threads = earlier or free(most)
    if threads < most:
        why = "as it was begun" if earlier else "as other programs use the other cores"
        tell(f"computing with {threads} of {most} threads, {why} ({SETTING} sets another number)")
        torch.set_num_threads(threads)
    return threads


def free(most: int) -> int:
    """How many of `most` threads have a core to themselves, at least one."""
    return max(1, min(most, len(os.sched_getaffinity(0)) - round(taken())))


def taken() -> float:
    """How many of this process's cores others keep busy, in the quietest of some moments."""
    least = float("inf")
    for _ in range(LOOKS):
        before, began = others(), time.monotonic()
        time.sleep(LOOK)
        least = min(least, (others() - before) / (time.monotonic() - began))
        if least < NOTABLE:
            break
    return least


def others() -> float:
    """Seconds for which this process's cores have worked for others, since the machine's start."""
    cores = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    lines = [line.split() for line in STAT.read_text().splitlines()]
    ticks = sum(int(line[k]) for line in lines if line[0] in cores for k in WORKING)
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()
