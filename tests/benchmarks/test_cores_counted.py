"""How long work takes where there are more cores, told from processor seconds."""

import time

from benchmarks.cores import Taken, rows
from benchmarks.counted import counted
from pfafn.workers import pool

STAGE = Taken(here=3.0, start=0.5, ahead=0.0, tasks=[(1.0, 16.0), (1.5, 8.0)])


def test_what_workers_do_is_shared_among_them_and_the_rest_is_not() -> None:
    assert STAGE.workers == 24
    assert STAGE.wall(2) == 0.5 + 0.5 + 8 + 4
    assert STAGE.wall(8) == 0.5 + 0.5 + 2 + 1.5  # the second task waits for the process itself


def test_what_is_done_while_workers_are_loaded_takes_no_time_of_its_own() -> None:
    assert STAGE._replace(ahead=0.3).wall(2) == STAGE.wall(2) - 0.3
    assert STAGE._replace(ahead=0.9).wall(2) == STAGE.wall(2) - 0.5  # all of the start


def test_efficiency_is_the_gain_over_one_process_by_the_number_of_workers() -> None:
    alone = Taken(here=26.0, start=0.0, ahead=0.0, tasks=[])
    found = list(rows({1: {"prepare": alone}, 2: {"prepare": STAGE}}))
    assert [row.gain.median for row in found] == [1, 2]
    assert found[1].note.endswith("100% of 2")


def test_what_no_worker_does_is_counted_here(monkeypatch) -> None:
    monkeypatch.setenv("PFAFN_WORKERS", "1")

    def busy(seconds: float) -> None:
        end = time.process_time() + seconds
        list(pool.ordered_map(abs, range(40), "x"))
        while time.process_time() < end:
            pass

    here, start, ahead, tasks = counted(busy, 0.02)
    assert 0.02 <= here < 1
    assert (start, ahead, tasks) == (0, 0, [])
