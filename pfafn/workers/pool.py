"""Work through many items on many workers: in order, in bounded memory, showing progress.

Chunks of items go to processes of this machine (`pfafn.workers.crew`) or to a Dask cluster
(`pfafn.workers.cluster`); few items are worked on in this process. What comes out is the same. A
worker that dies costs what was under way: others do it again.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2

from pfafn.kit.errors import UserError
from pfafn.kit.progress import Progress, tell
from pfafn.workers import cluster, crew
from pfafn.workers.cluster import Look
from pfafn.workers.crew import WorkersError

Item = TypeVar("Item")
Result = TypeVar("Result")
Outcome = tuple[list[Any], UserError | None]

CHUNK = 16  # items handed to a worker at once
AHEAD = 3  # chunks per worker that are under way or wait to be taken
WORTH = 1.0  # seconds of work for which starting a process pays
MANY = 4096  # files, all of which this machine reads in some seconds, that workers will share
DEATHS = 3  # at the same work, one after the other


class Killed(WorkersError):
    """Workers were killed; the message names what they did."""


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


def expect(items: int) -> None:
    """So many will come: if they are many, what workers need is loaded while they are listed."""
    if items >= MANY and cluster.address() is None and crew.worker_count() > 1:
        crew.load()


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
    while done < len(items) and not (workers := worth(done, len(items) - done, spent)):
        began = time.monotonic()
        result = function(items[done])
        spent += time.monotonic() - began
        done += 1
        yield result
    if done < len(items):
        yield from spread(function, items[done:], reads, name, CHUNK, workers)


def worth(done: int, left: int, spent: float) -> int:
    """How many workers to begin with now; 0: go on in this process."""
    if cluster.address() is not None:
        return 1  # how many there are is the cluster's business
    if done != CHUNK:
        return 0
    pay = min(crew.worker_count(), int(spent / done * left / WORTH))
    return pay if pay > 1 else 0


def spread(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    reads: Sequence[Path],
    name: Callable[[Item], object],
    size: int,
    workers: int = 1,
) -> Iterator[Result]:
    """function(item) of every item, in order, `size` of them at a time by a worker.

    workers: how many to start, if there is no cluster. See ordered_map.
    """
    elsewhere = cluster.address() is not None
    code, looks = (cluster.identity(), cluster.looks(reads)) if elsewhere else ({}, {})
    work = partial(_work, function, code, looks)
    in_vain = 0
    while items:
        done = 0
        try:
            with cluster.crew() if elsewhere else crew.crew(workers) as hands:
                for result in _in_order(hands, work, items, name, size):
                    yield result
                    done += 1
        except Killed:
            in_vain = 0 if done else in_vain + 1
            if elsewhere or in_vain == DEATHS:
                raise
            tell("a worker was killed; what was under way is done again by others")
        items = items[done:]


def _in_order(
    hands: crew.Crew | cluster.Crew,
    work: Callable[[Sequence[Any]], Outcome],
    items: Sequence[Any],
    name: Callable[[Any], object],
    size: int,
) -> Iterator[Any]:
    """No more chunks are under way than AHEAD per worker, however slowly they are taken."""
    chunks = (items[first : first + size] for first in range(0, len(items), size))
    waiting: deque[tuple[Sequence[Any], Any]] = deque()
    more = True
    while more or waiting:
        while more and len(waiting) < AHEAD * hands.size():
            if more := next(chunks, None):
                waiting.append((more, hands.submit(partial(work, more))))
        yield from _first(hands, waiting, name)


def _first(
    hands: crew.Crew | cluster.Crew,
    waiting: deque[tuple[Sequence[Any], Any]],
    name: Callable[[Any], object],
) -> Iterator[Any]:
    """The results of the chunk that was handed out first. Raises Killed naming what kills."""
    try:
        results, error = hands.result(waiting[0][1])
    except Exception as lost:
        deadly = hands.deadly([future for _, future in waiting])
        if not deadly:
            raise
        suspects = [name(item) for items, future in waiting if future in deadly for item in items]
        raise Killed(
            "workers were killed, each while it worked on one of these: "
            f"{', '.join(map(str, suspects))}. If memory ran out, set PFAFN_WORKERS to fewer; else "
            "take out the file that does it. What is done is kept, run the same again"
        ) from lost
    waiting.popleft()
    yield from results
    if error is not None:
        raise error
