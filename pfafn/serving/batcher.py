"""Requests that arrive together are computed together, by one thread or by several side by side.

What is gained is that a photo which several of the pairs hold is encoded once. A GPU draws several
pairs at a time. On a CPU that takes longer than one by one, as their features fit into no cache;
but several threads with a core each need not wait for each other in every layer.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pfafn.inference.explain import explanation
from pfafn.inference.tryon import EncodedGarment, EncodedPerson, TryOn
from pfafn.kit import machine
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels
from pfafn.serving.champion import Loaded

DRAWN_AT_ONCE = {"cuda": 8}  # else 1
SIDE_BY_SIDE = 4  # threads at most, as each needs memory; more cores are shared among them
HELD = 12  # encoded photos kept for later pairs: of published widths up to 25 MB each


class Pair(NamedTuple):
    """What is asked for. The keys are equal for photos that are the same."""

    person: PersonPhoto
    person_key: str
    garment: GarmentPhoto
    garment_key: str
    preserve: bool = True  # what the garment does not change stays the photo's own
    explain: bool = False


class Done(NamedTuple):
    """What has come of a pair: pictures by name, `worn` or those of an explanation."""

    images: dict[str, Pixels]
    by: Loaded
    seconds: float  # of computing


Outcome = Done | Exception
Pose = Callable[[Pixels], NDArray[np.floating]]
Waiting = tuple[Pair, "asyncio.Future[Done]"]
Known = tuple[EncodedPerson, EncodedGarment]


class Batch:
    """Pairs to compute, and what is known of their photos."""

    def __init__(self, by: Loaded, pairs: list[Pair], pose: Pose | None = None) -> None:
        """pose tells a person's keypoints, which frame her as training photos do.

        Without it the network sees the whole photo.
        """
        self.by, self.pairs, self.pose = by, pairs, pose
        self.most = DRAWN_AT_ONCE.get(by.model.device.type, 1)
        self.todo = deque(in_order(pairs))
        self.holders = Counter(key for pair in pairs for key in (pair.person_key, pair.garment_key))
        self.known: dict[str, Future[Any]] = {}
        self.turn = Lock()

    def outcomes(self) -> Iterator[tuple[int, Outcome]]:
        """Number and outcome of pairs, each as soon as it is there, until none is left.

        Each thread that asks computes what no other one does. A pair that fails stops none.
        """
        while numbers := self._next():
            began, ready = time.perf_counter(), []
            for number in numbers:
                try:
                    ready.append((number, self._encoded(self.pairs[number])))
                except Exception as error:
                    yield number, error
            left = {number for number, _ in ready}
            try:
                for number, images in self._drawn(ready):
                    left.remove(number)
                    yield number, Done(images, self.by, time.perf_counter() - began)
            except Exception as error:
                yield from ((number, error) for number in left)

    def _next(self) -> list[int]:
        with self.turn:
            return [self.todo.popleft() for _ in range(min(self.most, len(self.todo)))]

    def _encoded(self, pair: Pair) -> Known:
        """Both photos: what nobody has begun is encoded here, then what others have is awaited.

        A photo is forgotten with the last of its pairs, or if HELD others were asked for since.
        """
        model, pose = self.by.model, self.pose
        encode: dict[str, Callable[[], Any]] = {
            pair.person_key: lambda: model.encode_person(
                pair.person, pose and pose(pair.person.rgb)
            ),
            pair.garment_key: lambda: model.encode_garment(pair.garment),
        }
        with self.turn:
            mine = [key for key in encode if key not in self.known]
            coming = {key: self.known.pop(key, None) or Future() for key in encode}
            self.holders.subtract(encode.keys())
            self.known |= {key: coming[key] for key in encode if self.holders[key]}
            for key in list(self.known)[:-HELD]:  # asked for longest ago
                del self.known[key]
        for key in mine:
            try:
                coming[key].set_result(encode[key]())
            except Exception as error:
                coming[key].set_exception(error)
        return coming[pair.person_key].result(), coming[pair.garment_key].result()

    def _drawn(self, ready: list[tuple[int, Known]]) -> Iterator[tuple[int, dict[str, Pixels]]]:
        model: TryOn = self.by.model
        for preserve in (True, False):
            alike = [
                (number, known)
                for number, known in ready
                if not self.pairs[number].explain and self.pairs[number].preserve is preserve
            ]
            if alike:
                worn = model.dress([known for _, known in alike], preserve=preserve)
                for (number, _), image in zip(alike, worn, strict=True):
                    yield number, {"worn": image}
        for number, known in ready:
            if self.pairs[number].explain:
                yield number, explanation(model, *known).pictures


def in_order(pairs: list[Pair]) -> list[int]:
    """Their numbers, those that have a photo in common one after the other: few are held at a time.

    By persons or by garments, of which there are fewer.
    """
    keys = [pair.person_key for pair in pairs], [pair.garment_key for pair in pairs]
    fewer = min(keys, key=lambda kind: len(set(kind)))
    return sorted(range(len(pairs)), key=lambda number: fewer.index(fewer[number]))


class Batcher:
    """Takes pairs one by one, and computes all that wait together, in threads of its own.

    One that waits alone is computed with all cores; on a CPU several are computed side by side,
    each with its own cores: threads that share a sum wait for each other, spinning, whenever one
    of them is held up by what else is done here.
    """

    def __init__(
        self,
        current: Callable[[], Loaded],
        most: int,
        told: Callable[[list[Pair]], object] = lambda batch: None,
        pose: Pose | None = None,
    ) -> None:
        """current(): the model of the next batch; most: pairs in one; told(batch): as it begins.

        pose: as of Batch.
        """
        self.current, self.most, self.told, self.pose = current, most, told, pose
        self.queue: asyncio.Queue[Waiting] = asyncio.Queue()
        cores = torch.get_num_threads()
        self.lanes = min(cores, SIDE_BY_SIDE) if machine.device().type == "cpu" else 1
        self.whole = lane(1, cores)
        self.beside = lane(self.lanes, cores // self.lanes) if self.lanes > 1 else self.whole

    async def warm(self, work: Callable[[], object]) -> None:
        """Let the work be done once in every thread, in those of one lane at the same time.

        The first time takes longer, and each thread keeps the memory that it then asks for.
        """
        loop = asyncio.get_running_loop()
        for lane, count in {self.whole: 1, self.beside: self.lanes}.items():
            met = by_each(count, work)
            await asyncio.gather(*(loop.run_in_executor(lane, met) for _ in range(count)))

    async def wear(self, pair: Pair) -> Done:
        """What comes of the pair; raises what a pair can be refused for."""
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self.queue.put_nowait((pair, future))
        return await future

    async def run(self) -> None:
        """Compute what comes, until cancelled."""
        while True:
            batch = [await self.queue.get()]
            while len(batch) < self.most and not self.queue.empty():
                batch.append(self.queue.get_nowait())
            await self._compute([(pair, future) for pair, future in batch if not future.done()])

    async def _compute(self, waiting: list[Waiting]) -> None:
        """Each future gets its outcome as soon as it is there."""
        loop, pairs = asyncio.get_running_loop(), [pair for pair, _ in waiting]
        self.told(pairs)
        batch = Batch(self.current(), pairs, self.pose)

        def work() -> None:
            for number, outcome in batch.outcomes():
                loop.call_soon_threadsafe(settle, waiting[number][1], outcome)

        lane, count = (self.beside, self.lanes) if len(pairs) > 1 else (self.whole, 1)
        await asyncio.gather(*(loop.run_in_executor(lane, work) for _ in range(count)))

    def shutdown(self) -> None:
        for lane in (self.whole, self.beside):
            lane.shutdown()


def lane(count: int, cores: int) -> ThreadPoolExecutor:
    """So many threads, each of which computes with so many cores."""
    return ThreadPoolExecutor(
        count, thread_name_prefix="networks", initializer=torch.set_num_threads, initargs=(cores,)
    )


def by_each(count: int, work: Callable[[], object]) -> Callable[[], object]:
    """The work, begun when so many threads are there to do it: none does it twice."""
    meeting = Barrier(count)
    return lambda: (meeting.wait(), work())


def settle(future: "asyncio.Future[Done]", outcome: Outcome) -> None:
    """Give a future its outcome, unless nobody waits for it any longer."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
