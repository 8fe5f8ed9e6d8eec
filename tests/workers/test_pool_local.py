"""Processes of this machine: nobody else can reach them, and none outlives its work."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from test_pool import BAD, ITEMS, deadly, deadly_once, late, refused, square

from pfafn.kit.errors import UserError
from pfafn.workers import crew, pool
from pfafn.workers.crew import WorkersError
from pfafn.workers.pool import AHEAD, CHUNK, ordered_map

PARENT = """
import os, time
from pfafn.workers import crew, pool
pool.WORTH = 1e-9
def pid(number):
    time.sleep(0.05)
    return os.getpid()
if __name__ == "__main__":
    for worker in pool.ordered_map(pid, range(1000), "x"):
        print(worker, flush=True)
"""


def forked_from(_: int) -> int:
    return os.getppid()


def listening() -> list[tuple[str, int]]:
    """Where this process and those that it started can be reached."""
    me = psutil.Process()
    found = [c for p in (me, *me.children(recursive=True)) for c in p.net_connections("tcp")]
    return [tuple(c.laddr) for c in found if c.status == psutil.CONN_LISTEN]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that pay, on a machine without Dask."""
    monkeypatch.setattr(pool, "WORTH", 1e-9)
    monkeypatch.setenv("PFAFN_WORKERS", "2")
    monkeypatch.setitem(sys.modules, "distributed", None)


def test_a_killed_process_is_replaced_and_told_of(
    two: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = list(ITEMS) * 3
    assert list(ordered_map(partial(deadly_once, folder=tmp_path), work, "x")) == work
    assert capsys.readouterr().err.count("a worker was killed") == 1
    again = len(list(tmp_path.glob("*-*"))) - len(work)
    assert again <= AHEAD * 2 * CHUNK


def test_work_that_kills_each_process_is_named_with_what_was_done_beside_it(two: None) -> None:
    results = ordered_map(deadly, ITEMS, "x", name=lambda number: f"<photo {number}>")
    with pytest.raises(WorkersError, match=rf"workers were killed.*<photo {BAD}>") as told:
        list(results)
    assert str(told.value).count("<photo") <= 2 * CHUNK


def test_errors_come_through_as_in_this_process(two: None) -> None:
    results = ordered_map(refused, ITEMS, "x")
    assert [next(results) for _ in range(BAD)] == list(range(BAD))
    with pytest.raises(UserError, match=f"^{BAD} is bad$"):
        next(results)
    with pytest.raises(TimeoutError, match="the disk is slow"):
        list(ordered_map(late, ITEMS, "x"))


def test_other_code_than_this_process_has_loaded_does_no_work() -> None:
    assert crew.alike(crew.__file__, int) == 0
    with pytest.raises(WorkersError, match="loaded from /there, but .* set PYTHONPATH to /there"):
        crew.alike("/there/pfafn/workers/crew.py", int)


def test_workers_are_forked_from_what_was_loaded_ahead(two: None) -> None:
    crew.load()
    loaded = {process.pid for process in psutil.Process().children()}
    assert set(list(ordered_map(forked_from, ITEMS, "x"))[CHUNK:]) <= loaded


def test_nobody_else_can_send_work_or_look_on(two: None) -> None:
    before = set(listening())
    results = ordered_map(square, ITEMS, "x")
    assert [next(results) for _ in range(CHUNK + 1)][-1] == CHUNK**2
    assert psutil.Process().children(recursive=True)
    assert set(listening()) == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_processes_end_with_the_one_they_work_for(number: int, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"],
        env=os.environ | {"PFAFN_WORKERS": "2"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert parent.stdout
    assert parent.stderr
    here = int(parent.stdout.readline())
    while int(parent.stdout.readline()) == here:
        pass
    started = psutil.Process(parent.pid).children(recursive=True)
    assert len(started) >= 2
    # Ctrl-C reaches all of them.
    (os.killpg if number == signal.SIGINT else os.kill)(parent.pid, number)
    assert parent.communicate(timeout=60)[1].count("Traceback") <= 1
    end = time.monotonic() + 60
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in started):
        assert time.monotonic() < end, "still there after a minute"
        time.sleep(0.1)
