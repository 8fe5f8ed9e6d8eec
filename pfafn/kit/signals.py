"""Being asked to stop: by SIGTERM, as servers and `timeout` do, or by SIGINT, as Ctrl-C does."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

BOTH = (signal.SIGTERM, signal.SIGINT)


class Stopped(SystemExit):
    """A signal asked to stop, and what is done is kept; exit code 128 + signal.

    kept: what that is, where it is known.
    """

    def __init__(self, number: int, kept: str = "") -> None:
        super().__init__(128 + number)
        self.kept = kept
        self.signal = signal.Signals(number)


class StopRequest:
    """Which signal asked to stop, 0 if none."""

    signal = 0

    def __call__(self, number: int, _frame: object) -> None:
        self.signal = number


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """While inside, both signals are noted instead of killing a half-done step.

    Inside another of its kind, both yield one request.
    """
    outer = signal.getsignal(signal.SIGTERM)
    request = outer if isinstance(outer, StopRequest) else StopRequest()
    with handled(request):
        yield request


@contextmanager
def stopping() -> Iterator[None]:
    """While inside, both signals raise Stopped wherever the process is."""
    with handled(_stop):
        yield


def _stop(number: int, _frame: object) -> NoReturn:
    raise Stopped(number)


@contextmanager
def handled(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """While inside, this handles both signals; afterwards what did before."""
    before = {number: signal.signal(number, handler) for number in BOTH}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def heirs_deaf() -> Iterator[None]:
    """Processes that are started inside stay deaf to both signals; this one is it while inside."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BOTH)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def listen() -> None:
    """In a deaf process: end it when its parent says so.

    Where the system does not tell who asks (macOS), when anybody asks.
    """
    parent = multiprocessing.parent_process().pid
    if hasattr(signal, "sigwaitinfo"):
        while signal.sigwaitinfo(BOTH).si_pid != parent:
            pass
    else:
        signal.sigwait(BOTH)
    os._exit(1)  # as of one that was killed: its batches are missing
