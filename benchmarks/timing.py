"""Timing that stands a machine's moods: rounds in which every variant runs once."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch


class OutOfTime(BaseException):
    """So many seconds are over; the message says how many. Whoever handles errors lets it pass."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """OutOfTime is raised wherever the process is inside after so many seconds; 0 for no limit."""

    def over(*_: object) -> None:
        raise OutOfTime(f"{seconds:.0f} s are over")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Spread(NamedTuple):
    """Median and quartiles of some measurements."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(*(float(v) for v in np.percentile(values, (25, 50, 75))))


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Seconds of one call; on a GPU between two events on its stream, when they are reached."""
    if device.type != "cuda":
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000


def interleaved(
    variants: Mapping[str, Callable[[], Any]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of each variant in each round, after one call each that is not counted."""
    for work in variants.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            taken[name].append(seconds(work, device))
    return taken
