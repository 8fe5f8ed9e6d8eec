"""CUDA graphs: what a GPU does for a function is recorded, and repeated without Python.

Eagerly a try-on of one picture is some eight hundred kernels, each of which Python takes longer to
ask for than the GPU to do.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from pfafn.kit import machine

EAGER = 2  # calls before one is recorded: kernels are chosen, and a single picture wants no graph
MOST = 8  # graphs of a function; of more shapes, those are dropped that were not used for longest


class Recording(NamedTuple):
    """A graph, and where it reads and writes."""

    graph: torch.cuda.CUDAGraph
    given: Any
    made: Any


class Recorded:
    """A function of trees of tensors that lie on one GPU, recorded for each shape of these.

    It must do the same for all values of one shape and wait for none of them; how: further
    arguments that decide what it does. What it gives is a copy, which the next call leaves alone.
    Shapes for which there is no memory are computed eagerly. Threads take turns.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.turn = Lock()
        self.seen: Counter[Hashable] = Counter()
        self.recordings: OrderedDict[Hashable, Recording | None] = OrderedDict()

    def __call__(self, *given: Any, **how: Hashable) -> Any:
        with self.turn:
            return self.call(given, how)

    def call(self, given: Any, how: dict[str, Hashable]) -> Any:
        key = tuple(map(shape, tree_leaves(given))), *how.items()
        if key not in self.recordings:
            self.seen[key] += 1
            if self.seen[key] <= EAGER:
                return self.function(*given, **how)
            self.recordings[key] = self.record(given, how)
            if len(self.recordings) > MOST:
                self.recordings.popitem(last=False)
        self.recordings.move_to_end(key)
        recording = self.recordings[key]
        if recording is None:
            return self.function(*given, **how)
        pairs = zip(tree_leaves(recording.given), tree_leaves(given), strict=True)
        for own, new in pairs:
            own.copy_(new, non_blocking=True)
        recording.graph.replay()
        return tree_map(Tensor.clone, recording.made)

    def record(self, given: Any, how: dict[str, Hashable]) -> Recording | None:
        """Record the function; nothing is computed. None if there is no memory for it."""
        own, graph = tree_map(Tensor.clone, given), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                made = self.function(*own, **how)
        except torch.OutOfMemoryError:
            return None
        return Recording(graph, own, made)


def shape(tensor: Tensor) -> Hashable:
    return tensor.shape, tensor.dtype, tensor.stride()


def recorded(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """The function itself, recorded where that is done (`pfafn.kit.machine`)."""
    return Recorded(function) if machine.records(device) else function


def both(device: torch.device, one: Callable[[], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    """What two functions give that need nothing of each other; side by side in a graph.

    Elsewhere a GPU would have to wait for Python, and their memory for both streams.
    """
    if device.type != "cuda" or not torch.cuda.is_current_stream_capturing():
        return one(), other()
    main, side = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    side.wait_stream(main)
    with torch.cuda.stream(side):
        first = one()
    second = other()
    main.wait_stream(side)
    return first, second
