"""Programs that belong together start together, and none survives the others."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flows import services
from flows.services import Service, ServiceError, Services, answers, says

MARK = "PFAFN_TEST_SERVICES"
SLEEPS = "import time; print('ready', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
DIES = "print('out of paper'); raise SystemExit(3)"
DIES_LATER = "import time; print('ready', flush=True); time.sleep(0.5); raise SystemExit(4)"
# A child that no signal to the group of its parent reaches.
HAS_CHILD = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], start_new_session=True)
{SLEEPS}
"""
SERVES = """
import http.server, sys, time
time.sleep(0.5)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
KILLED = """
import os, pathlib, signal, sys
from flows.services import Service, Services, says
root = pathlib.Path(sys.argv[1])
up = Services(root, root, sys.argv[2])
up.start(Service("a", (sys.executable, "-c", sys.argv[3]), says("ready")))
os.kill(os.getpid(), signal.SIGKILL)
"""


def service(name: str, code: str, grace: float = 5.0) -> Service:
    return Service(name, (sys.executable, "-c", code), says("ready"), grace=grace)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Services]:
    made = Services(tmp_path, tmp_path, MARK)
    yield made
    made.stop()


def marked(root: Path) -> list[psutil.Process]:
    """What carries the mark of a folder's services and is alive."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK, "").endswith(f" of {root}"):
                found.append(process)
    return found


def test_it_waits_until_each_is_ready(up: Services) -> None:
    up.start(service("a", SLEEPS), service("b", SLEEPS))
    assert [running.log.read_text() for running in up.running] == ["ready\n", "ready\n"]


def test_ready_is_who_answers_with_200(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVES], stdout=subprocess.PIPE) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        assert answers(f"{url}/health")(tmp_path)
        assert not answers(f"{url}/other")(tmp_path)
        server.terminate()
        server.wait()
        assert not answers(f"{url}/health")(tmp_path)


def test_one_that_dies_is_named_with_its_last_lines(up: Services) -> None:
    with pytest.raises(ServiceError, match=r"b, code 3; .*b\.log ends with\n  out of paper"):
        up.start(service("a", SLEEPS), service("b", DIES))


def test_one_that_never_gets_ready_is_named(up: Services) -> None:
    slow = Service("slow", (sys.executable, "-c", SLEEPS), says("never said"))
    with pytest.raises(ServiceError, match=r"not ready in 1 s: slow; .*\n  ready"):
        up.start(service("a", SLEEPS), slow, limit=1)


def test_the_watch_ends_when_one_dies(up: Services) -> None:
    up.start(service("a", SLEEPS), service("b", DIES_LATER))
    with pytest.raises(ServiceError, match=r"b, code 4"):
        up.watch()


def test_nothing_survives_the_stop(up: Services, tmp_path: Path) -> None:
    up.start(service("a", HAS_CHILD), service("deaf", DEAF, grace=0.3))
    assert len(marked(tmp_path)) == 3
    up.stop()
    assert marked(tmp_path) == []


def test_the_last_is_stopped_first(up: Services) -> None:
    writes = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print("
    writes += "time.monotonic()), sys.exit()));" + SLEEPS.partition(";")[2]
    up.start(service("a", writes), service("b", writes))
    up.stop()
    ended = [float(running.log.read_text().split()[1]) for running in up.running]
    assert ended[0] > ended[1]


def test_what_a_killed_one_left_is_found(tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path), MARK, HAS_CHILD]
    root = Path(services.__file__).parents[1]
    done = subprocess.run(words, env=os.environ | {"PYTHONPATH": str(root)})
    assert done.returncode == -signal.SIGKILL
    left = {process.pid for process in marked(tmp_path)}
    assert len(left) == 2
    assert Services(tmp_path, tmp_path, MARK).stop_leftovers("b") == []
    assert set(Services(tmp_path, tmp_path, MARK).stop_leftovers("a")) == left
    time.sleep(0.1)
    assert marked(tmp_path) == []
