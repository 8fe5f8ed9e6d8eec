"""Processes of this machine that work for this one: nobody else reaches them, and they end with it.

PFAFN_WORKERS = how many of them at most, auto for one per CPU. Never a param: what comes out is the
same.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from pfafn.kit.errors import UserError
from pfafn.kit.signals import BOTH, listen


class WorkersError(UserError, ValueError):
    """Workers cannot be had, are not fit for the work or were lost; the message says what to do."""


def worker_count() -> int:
    """Processes to use here: PFAFN_WORKERS, or one for each CPU this process may use."""
    wish = os.environ.get("PFAFN_WORKERS", "auto")
    if wish == "auto":
        return len(os.sched_getaffinity(0))
    if not wish.isdigit():
        raise WorkersError(f"PFAFN_WORKERS must be auto or a number of processes, got {wish!r}")
    return max(1, int(wish))


class Crew:
    """So many processes of this machine; if one is killed, nothing more comes of any."""

    def __init__(self, pool: ProcessPoolExecutor, starter: Executor, workers: int) -> None:
        self.pool, self.starter, self.workers = pool, starter, workers

    def submit(self, work: Callable[[], Any]) -> Future:
        try:
            return self.starter.submit(self.pool.submit, alike, __file__, work).result()
        except BrokenProcessPool as lost:
            future: Future = Future()
            future.set_exception(lost)
            return future

    def size(self) -> int:
        return self.workers

    def result(self, future: Future) -> Any:
        """What the work gave or raised."""
        return future.result()

    def deadly(self, futures: Sequence[Future]) -> list[Future]:
        """What the processes did when one was killed: the first ones, as they take one by one."""
        done = [future for future in futures if future.done()]
        lost = [future for future in done if isinstance(future.exception(), BrokenProcessPool)]
        return lost[: self.workers]


def load() -> None:
    """Begin to load, beside this process, what workers will be forked from."""
    with _starter() as starter:
        starter.submit(forkserver.ensure_running).result()


@contextmanager
def crew(workers: int) -> Iterator[Crew]:
    """So many processes, started as there is work; each knows at once what this one has loaded."""
    context = multiprocessing.get_context("forkserver")
    with _starter() as starter, ProcessPoolExecutor(workers, context, initializer=_serve) as pool:
        try:
            yield Crew(pool, starter, workers)
        finally:
            pool.shutdown(cancel_futures=True)


def _starter() -> Executor:
    """A thread that starts processes, which know what this one has loaded by now."""
    own = __name__.partition(".")[0]
    forkserver.set_forkserver_preload([n for n in sys.modules if n.partition(".")[0] == own])
    # In a thread no signal interrupts the start of a process, which inherits what it is deaf to.
    return ThreadPoolExecutor(
        1, initializer=partial(signal.pthread_sigmask, signal.SIG_BLOCK, BOTH)
    )


def alike(file: str, work: Callable[[], Any]) -> Any:
    """Do the work, if this module is that one: what workers are forked from has its own path."""
    if file != __file__:
        there, here = Path(file).parents[2], Path(__file__).parents[2]
        raise WorkersError(
            f"pfafn is loaded from {there}, but a fresh python here loads it from {here}: set "
            f"PYTHONPATH to {there}, or PFAFN_WORKERS to 1"
        )
    return work()


def _serve() -> None:
    """Hear only the process that this works for, and end with it."""
    threading.Thread(target=listen, daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
