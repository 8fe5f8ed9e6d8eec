"""Processes of this machine: nobody else can reach them, and none outlives its work."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

import psutil
import pytest
from distributed import Client
from test_pool import ITEMS, deadly_once

from pfafn.kit import cluster, pool
from pfafn.kit.pool import ordered_map

PARENT = """
import os, time
from pfafn.kit import pool
pool.WORTH = 0.0
def pid(number):
    time.sleep(0.05)
    return os.getpid()
if __name__ == "__main__":
    for worker in pool.ordered_map(pid, range(1000), "x"):
        print(worker, flush=True)
"""


def listening() -> list[tuple[str, int]]:
    """Where this process and those that it started can be reached."""
    me = psutil.Process()
    found = [c for p in (me, *me.children(recursive=True)) for c in p.net_connections("tcp")]
    return [tuple(c.laddr) for c in found if c.status == psutil.CONN_LISTEN]


def test_a_killed_process_is_replaced_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pool, "WORTH", 0.0)
    monkeypatch.setenv("PFAFN_WORKERS", "2")
    work = list(ITEMS) * 3
    assert list(ordered_map(partial(deadly_once, folder=tmp_path), work, "x")) == work
    assert "workers lost: 1" in capsys.readouterr().err


def test_nobody_else_can_send_work_or_look_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFAFN_WORKERS", "1")
    before = set(listening())
    with cluster.client() as client:
        opened = set(listening()) - before
        assert opened
        assert {host for host, _ in opened} == {"127.0.0.1"}
        assert 8787 not in {port for _, port in opened}
        for _, port in opened:
            with pytest.raises(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        address = client.scheduler.address.replace("tls://", "tcp://")
        with pytest.raises(OSError):
            Client(address, timeout=1, set_as_default=False)
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
    parent.communicate(timeout=60)
    end = time.monotonic() + 60
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in started):
        assert time.monotonic() < end, "still there after a minute"
        time.sleep(0.1)
