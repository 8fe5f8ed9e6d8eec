"""Requests that arrive together are computed together."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from pfafn.kit import machine
from pfafn.serving.batch import Batch, Done, Outcome, Pair, Pose
from pfafn.serving.champion import Loaded

SIDE_BY_SIDE = 4  # at most, as each needs memory; more cores are shared among them
Waiting = tuple[Pair, "asyncio.Future[Done]"]


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


def settle(future: "asyncio.Future[Done]", outcome: Outcome) -> None:
    """Give a future its outcome, unless nobody waits for it any longer."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
