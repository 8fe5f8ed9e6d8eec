"""What goes on beside a GPU that draws: the next pictures are read, the last one is written."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

Item, Made = TypeVar("Item"), TypeVar("Made")


def lane(device: "torch.device") -> Executor:
    """Where one thing after the other is done beside what the device does."""
    return ThreadPoolExecutor(1) if device.type == "cuda" else AtOnce()


class AtOnce(Executor):
    """Does everything when it is asked to: what computes is the CPU, and has no time beside."""

    def submit(self, function: Callable[..., Made], *given: Any) -> "Future[Made]":
        done: Future[Made] = Future()
        try:
            done.set_result(function(*given))
        except Exception as error:
            done.set_exception(error)
        return done


def one_ahead(
    lane: Executor, function: Callable[[Item], Made], todo: Iterable[Item]
) -> Iterator[tuple[Item, "Future[Made]"]]:
    """function of each item, in a lane beside begun when the one before is handed out."""
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    ahead = 0 if isinstance(lane, AtOnce) else 1
    for item in todo:
        waiting.append((item, lane.submit(function, item)))
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting
