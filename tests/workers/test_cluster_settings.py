"""Who does the work, as the environment says."""

import os

import pytest

from pfafn.workers.cluster import address
from pfafn.workers.crew import WorkersError, worker_count


@pytest.mark.parametrize("wish", [None, "", "tcp://10.0.0.5:8786", "tls://host:1"])
def test_work_is_done_here_unless_an_address_is_named(
    wish: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PFAFN_SCHEDULER", raising=False)
    if wish is not None:
        monkeypatch.setenv("PFAFN_SCHEDULER", wish)
    assert address() == (wish or None)


@pytest.mark.parametrize("wish", ["10.0.0.5:8786", "http://host:1", "tcp:/host:1"])
def test_what_is_no_address_is_named(wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFAFN_SCHEDULER", wish)
    with pytest.raises(WorkersError, match=f"PFAFN_SCHEDULER is '{wish}', expected tcp://"):
        address()


@pytest.mark.parametrize(("wish", "count"), [(None, 3), ("auto", 3), ("0", 1), ("1", 1), ("9", 9)])
def test_there_is_a_process_for_each_cpu_that_may_be_used_or_as_many_as_are_wanted(
    wish: str | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 4, 5})
    monkeypatch.delenv("PFAFN_WORKERS", raising=False)
    if wish is not None:
        monkeypatch.setenv("PFAFN_WORKERS", wish)
    assert worker_count() == count


@pytest.mark.parametrize("wish", ["-1", "two", "1.5", ""])
def test_what_is_no_number_of_processes_is_named(
    wish: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_WORKERS", wish)
    with pytest.raises(WorkersError, match=f"must be auto or a number of processes, got '{wish}'"):
        worker_count()
