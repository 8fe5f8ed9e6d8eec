"""Work through many items on many workers: in order, in bounded memory, showing progress.

Chunks of items go to Dask workers (`pfafn.kit.cluster`); few items are worked on in this process.
What comes out is the same. A worker that dies costs the chunks it had: others do them again.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import cv2

from pfafn.kit import cluster
from pfafn.kit.cluster import Look, WorkersError
from pfafn.kit.errors import UserError
from pfafn.kit.progress import Progress, tell

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
Result = TypeVar("Result")
Outcome = tuple[list[Any], UserError | None]

CHUNK = 16  # items handed to a worker at once
AHEAD = 3  # chunks per worker that are under way or wait to be taken
WORTH = 10.0  # seconds of work left from which starting processes pays
PATIENCE = 60  # seconds between two looks whether there are workers at all


def _work(
    function: Callable[[Item], Result],
    code: Mapping[str, str],
    looks: Mapping[Path, Look | None],
    items: Sequence[Item],
) -> Outcome:
    """At a worker with this code and these looks: results up to the first UserError, and that."""
    results: list[Result] = []
    try:
        cluster.insist(code, looks)
        cv2.setNumThreads(1)  # there is a worker for each CPU
        for item in items:
            results.append(function(item))
    except UserError as error:
        return results, error
    return results, None


def ordered_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    title: str,
    start: int = 0,
    *,
    reads: Sequence[Path] = (),
    name: Callable[[Item], object] = str,
) -> Iterator[Result]:
    """function(item) of every item from `start` on, in order, whoever does it.

    function and items must pickle and hold absolute paths. reads: files and folders that workers
    elsewhere must see as this process does. name(item): what an error calls it. Progress with an
    ETA goes to stderr. Raises WorkersError if the work cannot be done by workers, and whatever
    function raises.
    """
    if start >= len(items):
        return
    with Progress(title, len(items), start, unit="items") as progress:
        for result in _results(function, items[start:], reads, name):
            yield result
            progress.advance()


def _results(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    reads: Sequence[Path],
    name: Callable[[Item], object],
) -> Iterator[Result]:
    """Begin in this process, and start others once it shows that they pay."""
    done, spent = 0, 0.0
    while done < len(items) and not _worth_it(done, len(items) - done, spent):
        began = time.monotonic()
        result = function(items[done])
        spent += time.monotonic() - began
        done += 1
        yield result
    if done < len(items):
        yield from spread(function, items[done:], reads, name, CHUNK)


def _worth_it(done: int, left: int, spent: float) -> bool:
    if cluster.address() is not None:
        return True
    return done == CHUNK and cluster.worker_count() > 1 and spent / done * left > WORTH


def spread(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    reads: Sequence[Path],
    name: Callable[[Item], object],
    size: int,
) -> Iterator[Result]:
    """function(item) of every item, in order, `size` of them at a time by a worker.

    See ordered_map. No more chunks are under way than AHEAD per worker, however slowly they are
    taken.
    """
    elsewhere = cluster.address() is not None
    code, looks = (cluster.identity(), cluster.looks(reads)) if elsewhere else ({}, {})
    with cluster.client() as client:
        window = _Window(client, partial(_work, function, code, looks), name)
        for first in range(0, len(items), size):
            window.put(items[first : first + size])
            while window.full():
                yield from window.take()
        while window.waiting:
            yield from window.take()


class _Window:
    """The chunks that are under way or wait to be taken, in order."""

    def __init__(
        self, client: "Client", work: Callable[[Any], Outcome], name: Callable[[Any], object]
    ) -> None:
        self.client, self.work, self.name = client, work, name
        self.waiting: deque[tuple[Sequence[Any], Future]] = deque()
        self.workers: set[str] = set()
        self._keys = zip(repeat(uuid4().hex), count())

    def put(self, items: Sequence[Any]) -> None:
        future = self.client.submit(partial(self.work, items), key=next(self._keys), pure=False)
        self.waiting.append((items, future))

    def full(self) -> bool:
        threads = self.client.nthreads()
        if lost := len(self.workers - threads.keys()):
            tell(f"workers lost: {lost}; what they had is done again by others")
        self.workers = set(threads)
        # A worker that was lost may be about to come back.
        return len(self.waiting) >= AHEAD * max(1, sum(threads.values()))

    def take(self) -> Iterator[Any]:
        """The results of the first chunk."""
        from distributed import KilledWorker

        try:
            results, error = self._outcome(self.waiting[0][1])
        except KilledWorker as killed:
            raise self._deadly(killed.allowed_failures + 1) from killed
        self.waiting.popleft()
        yield from results
        if error is not None:
            raise error

    def _outcome(self, future: "Future") -> Outcome:
        while True:
            try:
                return future.result(timeout=PATIENCE)
            except TimeoutError:
                if future.done():  # raised by the work itself
                    raise
                if not self.client.nthreads():
                    raise cluster.no_workers(self.client.scheduler.address) from None

    def _deadly(self, deaths: int) -> WorkersError:
        """Chunks that a worker had together are given up together: each may have killed it."""
        killed = [items for items, future in self.waiting if _killed(future)]
        suspects = [self.name(item) for items in killed for item in items]
        return WorkersError(
            f"{deaths} workers were killed one after the other, each while it worked on one of "
            f"these: {', '.join(map(str, suspects))}. If memory ran out, set PFAFN_WORKERS to "
            "fewer; else take out the file that does it. What is done is kept, run the same again"
        )


def _killed(future: "Future") -> bool:
    from distributed import KilledWorker

    return future.status == "error" and isinstance(future.exception(), KilledWorker)
