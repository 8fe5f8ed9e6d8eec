"""A command's output is logged as it comes, and nothing of it survives an interruption."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flows import process
from flows.process import CommandFailed, run_logged, stop_marked

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}, sys.argv[1]])
print("ready", flush=True)
child.wait()
"""
SAVES_ON_SIGTERM = """
import pathlib, signal, sys, time
def save(*_):
    time.sleep(0.5)
    pathlib.Path(sys.argv[1], "saved").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
pathlib.Path(sys.argv[1], "pid").write_text(str(__import__("os").getpid()))
time.sleep(60)
"""
DEAF = SAVES_ON_SIGTERM.replace("signal.signal(signal.SIGTERM, save)",
                                "signal.signal(signal.SIGTERM, signal.SIG_IGN)")  # fmt: skip


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def alive(pid: int) -> bool:
    """Whether it still runs; a dead process that nobody has collected yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises, also where the tests run in the background and inherit it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_when_started(folder: Path) -> None:
    def wait() -> None:
        while not (folder / "pid").is_file():
            time.sleep(0.02)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def test_every_line_is_logged_and_the_last_ones_returned(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import sys; [print(i) for i in range(50)]; print('oops', file=sys.stderr)"
    output = run_logged(python(code), lines.append, tmp_path)
    assert sorted(lines) == sorted([*map(str, range(50)), "oops"])
    assert output.splitlines() == lines[-40:]


def test_bytes_that_are_no_text_stop_nobody(tmp_path: Path) -> None:
    code = "import os, sys; sys.stdout.buffer.write(b'caf\\xe9 \\n'); print(os.getcwd())"
    assert run_logged(python(code), print, tmp_path) == f"caf\ufffd\n{tmp_path}"


def test_a_failure_carries_its_code_and_last_lines(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="ended with code 3:\nno photos") as caught:
        run_logged(python("print('no photos'); raise SystemExit(3)"), print, tmp_path)
    assert caught.value.code == 3


def test_the_command_gets_what_is_added_to_the_environment(tmp_path: Path) -> None:
    code = "import os; print(os.environ['PFAFN_FLOW_RUN_ID'], 'PATH' in os.environ)"
    output = run_logged(python(code), print, tmp_path, {"PFAFN_FLOW_RUN_ID": "run-1"})
    assert output == "run-1 True"


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupted_stage_may_still_save_and_then_is_gone(tmp_path: Path) -> None:
    interrupt_when_started(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_logged(python(PARENT.format(child=SAVES_ON_SIGTERM), str(tmp_path)), print, tmp_path)
    assert (tmp_path / "saved").exists()
    assert not alive(int((tmp_path / "pid").read_text()))


@pytest.mark.usefixtures("ctrl_c")
def test_a_stage_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    interrupt_when_started(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_logged(python(PARENT.format(child=DEAF), str(tmp_path)), print, tmp_path, grace=0.3)
    time.sleep(0.1)
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_command_that_is_no_longer_wanted_may_still_save_and_then_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOOK", 0.02)
    command = python(PARENT.format(child=SAVES_ON_SIGTERM), str(tmp_path))
    with pytest.raises(CommandFailed) as caught:
        run_logged(command, print, tmp_path, unwanted=(tmp_path / "pid").is_file)
    assert caught.value.code == -signal.SIGTERM
    assert (tmp_path / "saved").exists()


def test_a_child_that_outlives_a_killed_command_is_waited_for(tmp_path: Path) -> None:
    child = "import pathlib, sys, time; time.sleep(0.5); pathlib.Path(sys.argv[1], 'end').touch()"
    code = PARENT.format(child=child).replace("child.wait()", "__import__('os').abort()")
    with pytest.raises(CommandFailed) as caught:
        run_logged(python(code, str(tmp_path)), print, tmp_path)
    assert caught.value.code == -signal.SIGABRT
    assert (tmp_path / "end").exists()


def test_processes_are_found_by_their_mark_and_others_left_alone(tmp_path: Path) -> None:
    started = []
    for mark in ("lost", "another"):
        environment = os.environ | {"PFAFN_MARK": mark}
        folder = tmp_path / mark
        folder.mkdir()
        started.append(subprocess.Popen(python(SAVES_ON_SIGTERM, str(folder)), env=environment))
        while not (folder / "pid").is_file():
            time.sleep(0.02)
    marked, other = started
    time.sleep(0.1)
    try:
        assert stop_marked("PFAFN_MARK", "lost", grace=10) == [marked.pid]
        assert (tmp_path / "lost/saved").exists()
        assert not alive(marked.pid)
        assert alive(other.pid)
    finally:
        other.kill()
        marked.wait()
        other.wait()


def test_a_marked_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    environment = os.environ | {"PFAFN_MARK": "deaf"}
    with subprocess.Popen(python(DEAF, str(tmp_path)), env=environment) as process:
        while not (tmp_path / "pid").is_file():
            time.sleep(0.02)
        assert stop_marked("PFAFN_MARK", "deaf", grace=0.1) == [process.pid]
        assert process.wait(10) == -signal.SIGKILL
