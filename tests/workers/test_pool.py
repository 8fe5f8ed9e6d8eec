"""Work on a cluster comes out as in this process: in order, bounded, whoever is killed."""

import os
import signal
import sys
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from distributed import LocalCluster
from distributed.comm import CommClosedError

from pfafn.kit.errors import UserError
from pfafn.workers import cluster, crew, pool
from pfafn.workers.crew import WorkersError
from pfafn.workers.pool import AHEAD, CHUNK, MANY, ordered_map

ITEMS = range(10 * CHUNK + 3)
BAD = 5 * CHUNK + 4
COUNTS = [2, pytest.param(1, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]


def square(number: int) -> int:
    return number * number


def noted(number: int, folder: Path) -> int:
    """The number; leaves a file for each time that it is asked for."""
    (folder / f"{number}-{time.monotonic_ns()}").touch()
    return number


def deadly_once(number: int, folder: Path) -> int:
    if number == BAD and not (folder / "dead").exists():
        (folder / "dead").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return noted(number, folder)


def deadly(number: int) -> int:
    if number == BAD:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refused(number: int) -> int:
    if number == BAD:
        raise UserError(f"{number} is bad")
    return number


def late(number: int) -> int:
    if number == BAD:
        raise TimeoutError("the disk is slow")
    return number


@pytest.mark.parametrize("count", COUNTS)
def test_any_number_of_workers_gives_the_same_in_the_same_order(
    count: int, workers: LocalCluster, address: str
) -> None:
    workers.scale(count)
    workers.wait_for_workers(count)
    assert list(ordered_map(square, ITEMS, "x")) == [n * n for n in ITEMS]
    assert list(ordered_map(square, ITEMS, "x", 7)) == [n * n for n in ITEMS[7:]]


def test_no_more_is_done_ahead_than_a_few_chunks(address: str, tmp_path: Path) -> None:
    results = ordered_map(partial(noted, folder=tmp_path), range(40 * CHUNK), "x")
    assert next(results) == 0
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) <= AHEAD * 2 * CHUNK
    results.close()


def test_a_killed_worker_costs_what_it_had_and_nothing_else(address: str, tmp_path: Path) -> None:
    results = list(ordered_map(partial(deadly_once, folder=tmp_path), ITEMS, "x"))
    assert (tmp_path / "dead").exists()
    assert results == list(ITEMS)
    again = len(list(tmp_path.glob("*-*"))) - len(ITEMS)
    assert again <= (AHEAD * 2 + 1) * CHUNK


@pytest.mark.slow
def test_work_that_kills_every_worker_is_named(address: str) -> None:
    results = ordered_map(deadly, ITEMS, "x", name=lambda number: f"<photo {number}>")
    with pytest.raises(WorkersError, match=rf"workers were killed.*<photo {BAD}>"):
        list(results)


def test_a_users_error_comes_through_after_what_was_done_before_it(address: str) -> None:
    results = ordered_map(refused, ITEMS, "x")
    assert [next(results) for _ in range(BAD)] == list(range(BAD))
    with pytest.raises(UserError, match=f"^{BAD} is bad$"):
        next(results)


def test_any_other_error_comes_through_as_it_is(address: str) -> None:
    with pytest.raises(TimeoutError, match="the disk is slow"):
        list(ordered_map(late, ITEMS, "x"))


def test_a_worker_with_other_code_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "identity", lambda: {"pfafn": "of tomorrow"})
    with pytest.raises(WorkersError, match="has pfafn [0-9a-f]{16}.*of tomorrow.*install the same"):
        list(ordered_map(square, ITEMS, "x"))


def test_a_worker_that_sees_other_files_is_refused(address: str) -> None:
    own = Path("/proc/self/fd")  # each process has another one there
    with pytest.raises(WorkersError, match=f"does not see {own}.*the same file system"):
        list(ordered_map(square, ITEMS, "x", reads=[own]))


def test_a_missing_file_is_told_from_another_one(tmp_path: Path) -> None:
    seen = cluster.looks([tmp_path])
    cluster.insist({}, seen)
    (tmp_path / "new").touch()
    with pytest.raises(WorkersError, match="it is another one"):
        cluster.insist({}, seen)
    with pytest.raises(WorkersError, match="there is none"):
        cluster.insist({}, {tmp_path / "gone": seen[tmp_path]})


def test_without_a_scheduler_at_the_address_it_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 0.2)
    monkeypatch.setenv("PFAFN_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.raises(WorkersError, match="no Dask scheduler answers.*dask scheduler"):
        list(ordered_map(square, ITEMS, "x"))


def test_without_dask_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFAFN_SCHEDULER", "tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed.comm", None)
    with pytest.raises(WorkersError, match=r"pip install 'pfafn\[cluster\]'"):
        list(ordered_map(square, ITEMS, "x"))


def test_without_workers_it_says_how_to_start_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "JOIN", 0.2)
    options = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp", silence_logs=50, **options
    ) as empty:
        monkeypatch.setenv("PFAFN_SCHEDULER", empty.scheduler_address)
        with pytest.raises(WorkersError, match=f"dask worker {empty.scheduler_address}"):
            list(ordered_map(square, ITEMS, "x"))


def test_a_lost_scheduler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFAFN_SCHEDULER", "tcp://10.0.0.5:8786")
    monkeypatch.setattr(cluster, "_at", nullcontext)
    with (
        pytest.raises(WorkersError, match="tcp://10.0.0.5:8786 is gone.*run the same again"),
        cluster.crew(),
    ):
        raise CommClosedError


@pytest.mark.parametrize(
    ("name", "value"), [("PFAFN_SCHEDULER", "10.0.0.5:8786"), ("PFAFN_WORKERS", "many")]
)
def test_settings_that_are_none_are_told(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WorkersError, match=rf"{name}.*{value}"):
        list(ordered_map(square, ITEMS, "x"))


def test_little_work_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "crew", lambda _: pytest.fail("started some"))
    monkeypatch.setenv("PFAFN_WORKERS", "2")
    assert list(ordered_map(square, ITEMS, "x")) == [n * n for n in ITEMS]


@pytest.mark.parametrize(
    ("items", "workers", "scheduler", "loaded"),
    [
        (MANY, "2", "", 1),
        (MANY - 1, "2", "", 0),
        (MANY, "1", "", 0),
        (MANY, "2", "tcp://10.0.0.5:8786", 0),
    ],
)
def test_what_workers_need_is_loaded_ahead_if_many_items_wait_for_some_of_this_machine(
    items: int, workers: str, scheduler: str, loaded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_WORKERS", workers)
    monkeypatch.setenv("PFAFN_SCHEDULER", scheduler)
    calls: list[bool] = []
    monkeypatch.setattr(crew, "load", lambda: calls.append(True))
    pool.expect(items)
    assert len(calls) == loaded


def test_much_work_begins_here_and_goes_on_in_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WORTH", 1e-9)
    monkeypatch.setenv("PFAFN_WORKERS", "2")
    spread_from = []

    def spread(function, items, *given):
        spread_from.append((items[0], given[-1]))
        return map(function, items)

    monkeypatch.setattr(pool, "spread", spread)
    assert list(ordered_map(square, ITEMS, "x")) == [n * n for n in ITEMS]
    assert spread_from == [(CHUNK, 2)]


@pytest.mark.parametrize(
    ("seconds", "started"), [(0, 0), (1.9, 0), (2.1, 2), (5.5, 5), (8.1, 8), (1000, 8)]
)
def test_as_many_processes_are_started_as_have_a_second_of_work(
    seconds: float, started: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_WORKERS", "8")
    assert pool.worth(CHUNK, left=100, spent=CHUNK * seconds / 100) == started
