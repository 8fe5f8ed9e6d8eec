"""Work through many items on several processes: in order, in bounded memory, showing progress."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import TypeVar

import cv2

from pfafn.errors import UserError
from pfafn.progress import Progress

# Imported once, before the processes are split off.
PRELOAD = ["cv2", "numpy", "pandas", "PIL.Image", "pyarrow"]

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 16  # items handed to a process at once
AHEAD = 3  # chunks per process that may wait to be read
WORTH_A_POOL = 512  # fewer items are done here: starting processes takes longer


class WorkersError(UserError, ValueError):
    """PFAFN_WORKERS cannot be used, or a worker process has died."""


def worker_count() -> int:
    """Processes to use: PFAFN_WORKERS, or one for each CPU this process may use."""
    wish = os.environ.get("PFAFN_WORKERS", "auto")
    if wish == "auto":
        return len(os.sched_getaffinity(0))
    if not wish.isdigit():
        raise WorkersError(f"PFAFN_WORKERS must be auto or a number of processes, got {wish!r}")
    return max(1, int(wish))


def ordered_map(
    function: Callable[[Item], Result], items: Sequence[Item], title: str, start: int = 0
) -> Iterator[Result]:
    """function(item) of every item from `start` on, in order, whatever the number of processes.

    function and items must pickle. Progress with an ETA goes to stderr. Raises WorkersError if a
    process dies.
    """
    if start >= len(items):
        return
    with Progress(title, len(items), start, unit="items") as progress:
        for result in _results(function, items[start:]):
            yield result
            progress.advance()


def _results(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    workers = worker_count()
    if workers == 1 or len(items) < WORTH_A_POOL:
        yield from map(function, items)
        return
    # Not forked from here: threads of this process (progress bar, Arrow) would be cut off.
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with ProcessPoolExecutor(workers, context, initializer=_start) as pool:
        waiting: deque[Future[list[Result]]] = deque()
        try:
            for chunk in _chunks(items):
                waiting.append(pool.submit(_each, function, chunk))
                if len(waiting) >= AHEAD * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise WorkersError(
                "a worker process was killed, perhaps for want of memory: set PFAFN_WORKERS to "
                "fewer; what is done is kept, run the same again"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _start() -> None:
    """In each process: one thread for OpenCV, and an end with the process that it works for."""
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A killed parent closes no queue: its processes would wait for work for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _each(function: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [function(item) for item in chunk]
