"""Being asked to stop: note the signal, finish the step, save, leave."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(SystemExit):
    """SIGTERM or SIGINT arrived and the resume point is written; exit code 128 + signal."""


class StopRequest:
    """Which signal asked to stop, 0 if none."""

    signal = 0

    def __call__(self, number: int, _frame: object) -> None:
        self.signal = number


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """While inside, SIGTERM and SIGINT are noted instead of killing a half-done step."""
    request = StopRequest()
    before = {s: signal.signal(s, request) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
