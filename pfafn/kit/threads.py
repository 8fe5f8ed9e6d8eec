"""How many threads torch computes with on a CPU: one for each core that nobody else uses.

Threads of one sum wait for each other, spinning. If another program takes the core of one of them,
the others spin until it comes back: all are slowed down several times, and one thread less is
faster. The number decides the last bits, so it is settled before a stage computes, and changed
later only where others take a core for long.
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
EVERY = 20.0  # seconds between two looks while it computes
LOG = "threads"  # file of what was changed
MARGIN = 0.35  # of a core: so much less others must use before it is taken back

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
    if not _may_choose():
        return most
    earlier = next(filter(begun, range(most, 0, -1)), None)
    threads = earlier or free(most, taken())
    if threads < most:
        why = "as it was begun" if earlier else "as other programs use the other cores"
        tell(f"computing with {threads} of {most} threads, {why} ({SETTING} sets another number)")
        torch.set_num_threads(threads)
    return threads


class Watch:
    """Leaves cores to programs that come while this process computes, and takes them back.

    It never takes more threads than it finds, and does nothing where `settle` would not. folder:
    where it notes each number that there is from then on.
    """

    def __init__(self, folder: Path) -> None:
        import torch

        self.most, self.log = torch.get_num_threads(), folder / LOG
        self.chooses = self.most > 1 and _may_choose()
        self.began, self.worked = time.monotonic(), others() if self.chooses else 0.0

    def look(self, *_: object) -> None:
        """Between two steps: see now and then what others have used since the last look."""
        if self.chooses and time.monotonic() >= self.began + EVERY:
            now, worked = time.monotonic(), others()
            self.change((worked - self.worked) / (now - self.began))
            self.began, self.worked = now, worked

    def change(self, used: float) -> None:
        """Compute on the cores that are free, where others use so many."""
        import torch

        before = torch.get_num_threads()
        left = len(os.sched_getaffinity(0)) - before
        # Of a core on which one of our threads computes as well others get a half.
        threads = free(self.most, used + MARGIN if used <= left else left + 2 * (used - left))
        if threads != before:
            why = "other programs use the other cores" if threads < before else "they left"
            tell(f"computing with {threads} of {self.most} threads from now on, as {why}")
            torch.set_num_threads(threads)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a") as log:
                log.write(f"{threads}\n")


def changes(folder: Path) -> dict[str, list[int]]:
    """What a `Watch` noted there, as provenance.json tells it; nothing if it changed nothing."""
    log = folder / LOG
    return {"threads_later": list(map(int, log.read_text().split()))} if log.exists() else {}


def _may_choose() -> bool:
    return _choosing and not os.environ.get(SETTING) and STAT.exists()


def free(most: int, used: float) -> int:
    """How many of `most` threads, at least one, have a core to themselves if others use so many."""
    return max(1, min(most, len(os.sched_getaffinity(0)) - round(used)))


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
