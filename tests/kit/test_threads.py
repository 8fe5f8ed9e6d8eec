"""One thread for each core that nobody else uses, chosen by a command alone."""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from pfafn.kit import threads

CORES, OTHERS = {0, 2, 3, 5}, {1, 4}  # this process's, and the machine's other ones
TICKS = os.sysconf("SC_CLK_TCK")  # per second


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine of four cores for us, and a torch of as many threads, that others use as told."""
    stat, passed, set_to = tmp_path / "stat", [0.0], [4]

    def told(ticks: float) -> None:
        # user nice system idle iowait irq softirq steal: only ours and only work must count.
        idle = round(passed[0] * TICKS)
        own = "".join(f"cpu{n} {ticks / 4:.0f} 7 7 {idle} {idle} 7 7 {idle}\n" for n in CORES)
        far = "".join(f"cpu{n} {idle} 0 0 0 0 0 0 0\n" for n in OTHERS)
        stat.write_text(f"cpu  1 2 3 4\n{own}{far}intr 5\n")

    def machine(*loads: float, own: float = 0.0) -> list[int]:
        moments, worked = iter(loads), [0.0]

        def sleep(seconds: float) -> None:
            passed[0] += seconds
            worked[0] += (next(moments) + own) * seconds * TICKS
            told(worked[0])

        monkeypatch.setattr(time, "sleep", sleep)
        monkeypatch.setattr(time, "process_time", lambda: passed[0] * own)
        told(0)
        return set_to

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "STAT", stat)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: CORES)
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(torch, "get_num_threads", lambda: set_to[-1])
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    return machine


def settled(begun: Callable[[int], bool] = lambda count: False, choosing: bool = True) -> int:
    with threads.choosing() if choosing else nullcontext():
        found = threads.settle(begun)
    assert found == torch.get_num_threads()
    return found


@pytest.mark.parametrize(
    ("busy", "expected"), [(0.0, 4), (0.3, 4), (0.7, 3), (1.0, 3), (2.0, 2), (4.0, 1), (3.7, 1)]
)
def test_each_core_that_others_keep_busy_is_left_to_them(
    beside: Callable, busy: float, expected: int
) -> None:
    beside(*[busy] * threads.LOOKS)
    assert settled() == expected


def test_a_burst_of_work_is_waited_for(beside: Callable) -> None:
    beside(3.0, 1.0, 0.1)
    assert settled() == 4


def test_the_quietest_moment_tells_what_stays_busy(beside: Callable) -> None:
    beside(3.0, 1.0, *[3.0] * (threads.LOOKS - 2))
    assert settled() == 3


def test_what_this_process_does_itself_takes_no_core(beside: Callable) -> None:
    beside(0.0, own=3.0)
    assert settled() == 4


def test_less_threads_than_free_cores_stay_as_they_are(beside: Callable) -> None:
    beside(*[1.0] * threads.LOOKS).append(2)
    assert settled() == 2


@pytest.mark.parametrize("number", [1, 3, 4])
def test_work_half_done_goes_on_with_the_threads_it_was_begun_with(
    beside: Callable, number: int
) -> None:
    beside()  # no look is needed
    assert settled(lambda count: count == number) == number


def test_the_users_own_number_wins(beside: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    beside()
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert settled(lambda count: count == 1) == 4


def test_a_library_call_changes_nothing(beside: Callable) -> None:
    beside()
    assert settled(lambda count: count == 1, choosing=False) == 4


def test_where_the_system_does_not_tell_nothing_changes(beside: Callable) -> None:
    beside()
    threads.STAT.unlink()
    assert settled(lambda count: count == 1) == 4


def test_fewer_threads_are_told(beside: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    beside(*[1.0] * threads.LOOKS)
    settled()
    assert capsys.readouterr().err == (
        "computing with 3 of 4 threads, as other programs use the other cores "
        "(OMP_NUM_THREADS sets another number)\n"
    )


@pytest.fixture
def watched(beside: Callable, tmp_path: Path) -> Callable[..., list[int]]:
    """The threads after each look at others that use so many cores, of a computation with four."""

    def after(*used: float, choosing: bool = True) -> list[int]:
        set_to, found = beside(*used), []
        with threads.choosing() if choosing else nullcontext():
            watch = threads.Watch(tmp_path / "work")
            for _ in used:
                time.sleep(threads.EVERY)
                watch.look()
                found.append(set_to[-1])
        return found

    return after


@pytest.mark.parametrize(
    ("used", "threads_after"),
    [
        ([0.2, 0.2], [4, 4]),
        ([0.5, 1.0], [3, 3]),  # of a core that is shared it gets half, of one that is left all
        ([1.0, 2.0], [2, 2]),
        ([0.5, 1.5], [3, 2]),
        ([2.0, 4.0], [1, 1]),
        ([0.5, 0.4], [3, 3]),
        ([0.5, 0.1], [3, 4]),
    ],
)
def test_a_core_that_others_take_meanwhile_is_left_to_them_until_they_leave(
    watched: Callable, used: list[float], threads_after: list[int]
) -> None:
    assert watched(*used) == threads_after


def test_what_is_used_is_looked_at_now_and_then(beside: Callable, tmp_path: Path) -> None:
    set_to = beside(4.0)
    with threads.choosing():
        watch = threads.Watch(tmp_path)
        time.sleep(threads.EVERY / 2)
        watch.look()
    assert set_to == [4]


def test_a_number_of_the_users_own_is_kept(
    watched: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert watched(2.0) == [4]


def test_a_library_call_that_lasts_changes_nothing_either(watched: Callable) -> None:
    assert watched(2.0, choosing=False) == [4]


def test_what_is_changed_meanwhile_is_told_and_noted(
    watched: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert threads.changes(tmp_path / "work") == {}
    watched(0.5, 1.0, 0.0)
    assert capsys.readouterr().err == (
        "computing with 3 of 4 threads from now on, as other programs use the other cores\n"
        "computing with 4 of 4 threads from now on, as they left\n"
    )
    assert threads.changes(tmp_path / "work") == {"threads_later": [3, 4]}


@pytest.mark.skipif(not threads.STAT.exists(), reason="Linux tells what its cores do")
def test_this_machine_tells_what_it_does() -> None:
    before, began = threads.others(), time.monotonic()
    time.sleep(0.02)
    most = len(os.sched_getaffinity(0)) * (time.monotonic() - began + 0.05)
    assert -0.05 <= threads.others() - before <= most
