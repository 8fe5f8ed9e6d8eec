"""Long-lived programs that belong together: started, waited for, and ended as one.

Each leads a process group of its own, so that Ctrl-C reaches only us, and each carries a mark in
its environment, so that whatever it started can be found even if we were killed.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import httpx

from flows.process import stop_marked
from pfafn.kit.errors import UserError

START_LIMIT = 180.0  # seconds; a new database on a busy machine takes a good part of them
STOP_LIMIT = 10.0
POLL = 0.25
LAST_LINES = 15
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ServiceError(UserError):
    """A program did not start or ended by itself; the message holds the last it said."""


Ready = Callable[[Path], bool]  # whether a service is ready, given the file with what it prints


class Service(NamedTuple):
    """A program: its command, how to see that it is ready, its seconds to stop."""

    name: str
    command: Sequence[str]
    ready: Ready
    environment: Mapping[str, str] = {}
    grace: float = STOP_LIMIT


class Running(NamedTuple):
    """A service that was started, and the file with what it prints."""

    service: Service
    process: subprocess.Popen[bytes]
    log: Path


class Services:
    """The programs that run for one project; `variable` marks them and whatever they start."""

    def __init__(self, root: Path, logs: Path, variable: str) -> None:
        self.root = root
        self.logs = logs
        self.variable = variable
        self.running: list[Running] = []

    def start(self, *services: Service, limit: float = START_LIMIT) -> None:
        """Start services together and wait until each is ready.

        Raises ServiceError if one is not ready in time, or any of all has ended.
        """
        started = [self._start(service) for service in services]
        end = time.monotonic() + limit
        while late := [r for r in started if not r.service.ready(r.log)]:
            self.check()
            if time.monotonic() > end:
                raise ServiceError(f"not ready in {limit:.0f} s: {_last_lines(late)}")
            time.sleep(POLL)

    def _start(self, service: Service) -> Running:
        log = self.logs / f"{service.name.lower()}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                service.command,
                cwd=self.root,
                env={**os.environ, **service.environment, self.variable: self._mark(service.name)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.append(Running(service, process, log))
        return self.running[-1]

    def watch(self) -> None:
        """Wait until one ends by itself; raises ServiceError then."""
        while True:
            self.check()
            time.sleep(POLL)

    def check(self) -> None:
        """Raises ServiceError if one has ended by itself."""
        if dead := [running for running in self.running if running.process.poll() is not None]:
            raise ServiceError(f"this ended by itself, so all was stopped: {_last_lines(dead)}")

    def stop(self) -> None:
        """End all, the last first: what still runs can tell the others how it ended."""
        for service, process, _ in reversed(self.running):
            # Only the leader: it ends what it has started, in its own order.
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(service.grace)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.stop_leftovers(service.name)

    def stop_leftovers(self, *names: str) -> list[int]:
        """End what services of these names have left, in this order; the ids of what there was."""
        return [i for name in names for i in stop_marked(self.variable, self._mark(name))]

    def _mark(self, name: str) -> str:
        return f"{name} of {self.root}"


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end the block, without an error."""
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)  # what follows has its own limits


def answers(url: str) -> Ready:
    """Ready when it answers there with 200; asked directly, past any proxy."""

    def ready(_: Path) -> bool:
        try:
            return httpx.get(url, timeout=5, trust_env=False).status_code == HTTPStatus.OK
        except httpx.HTTPError:
            return False

    return ready


def says(words: str) -> Ready:
    """Ready when it has printed this."""
    return lambda log: words in log.read_text(errors="replace")


def _last_lines(those: Sequence[Running]) -> str:
    """Name, exit code, log, and the last lines of each."""
    parts = []
    for service, process, log in those:
        code = process.returncode
        ended = "" if code is None else f", code {code}"
        lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        parts += [f"{service.name}{ended}; {log} ends with", *(f"  {line}" for line in lines)]
    return "\n".join(parts)
