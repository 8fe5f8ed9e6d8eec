"""Being asked to stop: signals are noted for a while, and then go where they went before."""

import signal
from collections.abc import Iterator

import pytest

from pfafn.kit.signals import stop_signals

BOTH = (signal.SIGTERM, signal.SIGINT)


def handler(number: int, frame: object) -> None:
    """Somebody else's."""


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """Both signals have somebody else's handler."""
    before = {number: signal.signal(number, handler) for number in BOTH}
    yield
    for number, former in before.items():
        signal.signal(number, former)


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_is_noted_and_nothing_else_happens(number: int) -> None:
    with stop_signals() as request:
        assert request.signal == 0
        signal.raise_signal(number)
    assert request.signal == number


def test_afterwards_signals_go_where_they_went_before() -> None:
    with pytest.raises(ZeroDivisionError), stop_signals():
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in BOTH] == [handler, handler]
