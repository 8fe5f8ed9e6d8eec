"""Run a command in its own process group, log its lines, leave nothing of it after a cancel."""

import contextlib
import contextvars
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

GRACE = 60.0  # seconds a stage gets to save its resume point
POLL = 0.05
LOOK = 5.0  # seconds between two questions whether a command is wanted still


class CommandFailed(RuntimeError):
    """A command ended with an error; `output` holds its last lines."""

    def __init__(self, command: Sequence[str], code: int, output: str) -> None:
        super().__init__(f"`{' '.join(command)}` ended with code {code}:\n{output}")
        self.code = code
        self.output = output


def run_logged(
    command: Sequence[str],
    log: Callable[[str], object],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    grace: float = GRACE,
    unwanted: Callable[[], object] = lambda: None,
) -> str:
    """Run a command, pass each line of its output to log, return the last 40 lines.

    Raises CommandFailed if it fails. Whatever interrupts the waiting (a cancel, a timeout, Ctrl-C)
    first ends the command and all it started, and logs what that says at its end; so it is ended
    when it is unwanted, which is asked every LOOK seconds. A child that outlives the command is
    waited for.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        text=True,
        errors="replace",
        bufsize=1,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout
    lines: list[str] = []
    ended = threading.Event()
    look = (stop_if, unwanted, ended, process, grace)
    threading.Thread(target=contextvars.copy_context().run, args=look, daemon=True).start()
    try:
        for line in process.stdout:
            lines = [*lines[-39:], line.rstrip()]
            log(line.rstrip())
        code = process.wait()
    except BaseException:
        stop_group(process, grace)
        for line in process.stdout:
            log(line.rstrip())
        raise
    finally:
        ended.set()
        process.stdout.close()
    output = "\n".join(lines)
    if code:
        raise CommandFailed(command, code, output)
    return output


def stop_if(
    unwanted: Callable[[], object],
    ended: threading.Event,
    process: subprocess.Popen[str],
    grace: float,
) -> None:
    """Until it has ended, ask every LOOK seconds whether a process is unwanted, and end it then."""
    while not ended.wait(LOOK):
        if unwanted():
            stop_group(process, grace)
            return


def stop_group(process: subprocess.Popen[str], grace: float) -> None:
    """End a process and its children: SIGTERM, and SIGKILL for what is left after grace seconds.

    It waits for the group and not for the process: dvc itself is gone at once, while the stage
    below it may still be saving.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        end = time.monotonic() + grace
        while time.monotonic() < end:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(POLL)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def stop_marked(name: str, value: str, grace: float = GRACE) -> list[int]:
    """End the processes that have name=value in their environment; the ids of those there were.

    They get SIGTERM, and after grace seconds SIGKILL.
    """
    marked = [process for process in psutil.process_iter() if _variable(process, name) == value]
    for process in marked:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, deaf = psutil.wait_procs(marked, timeout=grace)
    for process in deaf:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return [process.pid for process in marked]


def _variable(process: psutil.Process, name: str) -> str | None:
    """One variable of a process's environment; None also if it is gone or somebody else's."""
    try:
        return process.environ().get(name)
    except psutil.Error:
        return None
