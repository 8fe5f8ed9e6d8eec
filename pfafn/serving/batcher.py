"""Requests that arrive together are computed together.

On a CPU the networks draw one picture at a time sooner than several in a batch, whose features fit
into no cache; what is gained there is that a photo which several of the requests hold is encoded
once. A GPU draws in batches. Nothing is kept from one batch to the next.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pfafn.inference.explain import explanation
from pfafn.inference.tryon import EncodedGarment, EncodedPerson, TryOn
from pfafn.kit.errors import UserError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels
from pfafn.serving.champion import Loaded

DRAWN_AT_ONCE = {"cuda": 8}  # else 1


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


def computed(
    by: Loaded, pairs: list[Pair], pose: Pose | None = None
) -> Iterator[tuple[int, Outcome]]:
    """Number and outcome of every pair, each as soon as it is there; one that fails stops none.

    A photo that several pairs hold is encoded once, and forgotten after the last of them. pose
    tells a person's keypoints, which frame her as training photos do; without it the network sees
    the whole photo.
    """
    model, persons, garments = by.model, {}, {}
    most = DRAWN_AT_ONCE.get(model.device.type, 1)
    last = {key: n for n, pair in enumerate(pairs) for key in (pair.person_key, pair.garment_key)}
    ready: list[tuple[int, EncodedPerson, EncodedGarment]] = []
    began = time.perf_counter()
    for number, pair in enumerate(pairs):
        try:
            if pair.person_key not in persons:
                points = pose and pose(pair.person.rgb)
                persons[pair.person_key] = model.encode_person(pair.person, points)
            if pair.garment_key not in garments:
                garments[pair.garment_key] = model.encode_garment(pair.garment)
        except UserError as error:
            yield number, error
        else:
            ready.append((number, persons[pair.person_key], garments[pair.garment_key]))
        if ready and (len(ready) == most or number == len(pairs) - 1):
            for one, images in _drawn(model, pairs, ready):
                yield one, Done(images, by, time.perf_counter() - began)
            ready, began = [], time.perf_counter()
            for known in (persons, garments):
                for key in [key for key in known if last[key] <= number]:
                    del known[key]


def _drawn(
    model: TryOn, pairs: list[Pair], ready: list[tuple[int, EncodedPerson, EncodedGarment]]
) -> Iterator[tuple[int, dict[str, Pixels]]]:
    for preserve in (True, False):
        alike = [
            (number, tuple(known))
            for number, *known in ready
            if not pairs[number].explain and pairs[number].preserve is preserve
        ]
        if alike:
            worn = model.dress([known for _, known in alike], preserve=preserve)
            for (number, _), image in zip(alike, worn, strict=True):
                yield number, {"worn": image}
    for number, *known in ready:
        if pairs[number].explain:
            yield number, explanation(model, *known).pictures


class Batcher:
    """Takes pairs one by one, and computes all that wait together, in a thread of its own."""

    def __init__(
        self,
        current: Callable[[], Loaded],
        most: int,
        told: Callable[[list[Pair]], object] = lambda batch: None,
        pose: Pose | None = None,
    ) -> None:
        """current(): the model of the next batch; most: pairs in one; told(batch): as it begins.

        pose: as of `computed`.
        """
        self.current, self.most, self.told, self.pose = current, most, told, pose
        self.queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self.lane = ThreadPoolExecutor(1, thread_name_prefix="networks")

    async def wear(self, pair: Pair) -> Done:
        """What comes of the pair; raises what a pair can be refused for."""
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self.queue.put_nowait((pair, future))
        return await future

    async def run(self) -> None:
        """Compute what comes, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self.queue.get()]
            while len(batch) < self.most and not self.queue.empty():
                batch.append(self.queue.get_nowait())
            batch = [(pair, future) for pair, future in batch if not future.done()]
            self.told([pair for pair, _ in batch])
            await loop.run_in_executor(self.lane, self._compute, loop, batch)

    def _compute(self, loop: asyncio.AbstractEventLoop, batch: list[Waiting]) -> None:
        """In the lane: each future gets its outcome as soon as it is there."""
        left = {number: future for number, (_, future) in enumerate(batch)}
        try:
            pairs = [pair for pair, _ in batch]
            for number, outcome in computed(self.current(), pairs, self.pose):
                loop.call_soon_threadsafe(settle, left.pop(number), outcome)
        except Exception as error:  # a fault of ours, which must not end the lane
            for future in left.values():
                loop.call_soon_threadsafe(settle, future, error)


def settle(future: "asyncio.Future[Done]", outcome: Outcome) -> None:
    """Give a future its outcome, unless nobody waits for it any longer."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
