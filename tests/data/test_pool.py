"""Work on several processes: one that dies is told of, and none outlives the one it works for."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pfafn.data import pool
from pfafn.data.pool import WorkersError, ordered_map

PARENT = """
import os, time
from pfafn.data import pool
pool.WORTH_A_POOL = 1
def pid(number):
    time.sleep(0.05)
    return os.getpid()
if __name__ == "__main__":
    for worker in pool.ordered_map(pid, range(1000), "x"):
        print(worker, flush=True)
"""


def die(number: int) -> int:
    if number == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_worker_that_is_killed_stops_the_work_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "WORTH_A_POOL", 1)
    monkeypatch.setenv("PFAFN_WORKERS", "2")
    with pytest.raises(WorkersError, match="a worker process was killed.*PFAFN_WORKERS"):
        list(ordered_map(die, range(64), "x"))


def test_workers_end_with_the_process_that_was_killed(tmp_path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"],
        env=os.environ | {"PFAFN_WORKERS": "2"},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert parent.stdout
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 60
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "still there after a minute"
        time.sleep(0.1)
