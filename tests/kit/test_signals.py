"""Being asked to stop: signals are noted for a while, and then go where they went before."""

import signal
from collections.abc import Iterator

import pytest

from pfafn.kit.signals import Stopped, stop_signals, stopping

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


def test_one_request_is_seen_by_all_who_note_signals() -> None:
    with stop_signals() as outer, stop_signals() as inner:
        signal.raise_signal(signal.SIGTERM)
    assert outer.signal == inner.signal == signal.SIGTERM


@pytest.mark.parametrize("number", BOTH)
def test_what_may_be_broken_off_is_broken_off_with_the_signals_code(number: int) -> None:
    with pytest.raises(Stopped) as stopped, stopping():
        signal.raise_signal(number)
    assert stopped.value.code == 128 + number
    assert signal.getsignal(number) is handler
