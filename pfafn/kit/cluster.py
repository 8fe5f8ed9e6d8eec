"""Where the workers of prepare, annotate, check and fakes are: on this machine, or a Dask cluster.

PFAFN_SCHEDULER = address of a Dask scheduler (tcp://10.0.0.5:8786); by default processes are
started here. PFAFN_WORKERS = how many of them, auto for one per CPU. PFAFN_DASHBOARD = HOST:PORT
where Dask shows what they do, by default nowhere. Never params: what comes out is the same.
"""

import importlib.metadata
import logging
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pfafn.kit.errors import UserError
from pfafn.kit.versions import LIBRARIES, package_version

if TYPE_CHECKING:  # a third of a second, which most commands need not wait for
    from distributed import Client

HERE = "127.0.0.1"
CONNECT = 10  # seconds for a scheduler to answer
JOIN = 60  # seconds for a first worker to come

Look = tuple[tuple[str, ...], int, int]


class WorkersError(UserError, ValueError):
    """Workers cannot be had, are not fit for the work or were lost; the message says what to do."""


def address() -> str | None:
    """PFAFN_SCHEDULER; None: work on this machine. Raises WorkersError if it is no address."""
    wish = os.environ.get("PFAFN_SCHEDULER") or None
    if wish and not wish.startswith(("tcp://", "tls://")):
        raise WorkersError(
            f"PFAFN_SCHEDULER is {wish!r}, expected tcp://HOST:PORT or tls://HOST:PORT: "
            "`dask scheduler` says which when it starts"
        )
    return wish


def worker_count() -> int:
    """Processes to use here: PFAFN_WORKERS, or one for each CPU this process may use."""
    wish = os.environ.get("PFAFN_WORKERS", "auto")
    if wish == "auto":
        return len(os.sched_getaffinity(0))
    if not wish.isdigit():
        raise WorkersError(f"PFAFN_WORKERS must be auto or a number of processes, got {wish!r}")
    return max(1, int(wish))


@contextmanager
def client() -> Iterator["Client"]:
    """A connection to at least one worker; those that it starts end with it.

    Raises WorkersError if there is none, or if the scheduler is lost while it is used.
    """
    from distributed.comm import CommClosedError

    there = address()
    try:
        with _local(worker_count()) if there is None else _at(there) as connected:
            yield connected
    except (CancelledError, CommClosedError) as lost:
        raise WorkersError(
            f"the scheduler at {there or 'this machine'} is gone: start it again, and its workers; "
            "what is done is kept, run the same again"
        ) from lost


@contextmanager
def _local(workers: int) -> Iterator["Client"]:
    import dask
    from distributed import Client, LocalCluster

    shown = os.environ.get("PFAFN_DASHBOARD")
    config: dict[str, Any] = {
        # Another process is there at once where one was killed.
        "distributed.worker.multiprocessing-method": "forkserver",
        # No chunk waits at a worker that may die of another one.
        "distributed.scheduler.worker-saturation": 1.0,
        # A killed worker on this machine is known at once; elsewhere it may be a slow network.
        "distributed.comm.timeouts.connect": "5s",
        # Dask always opens ports for HTTP: nothing is served there unless it is asked for.
        "distributed.worker.http.routes": [],
    }
    if not shown:
        config["distributed.scheduler.http.routes"] = []
    with (
        dask.config.set(config),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=HERE,
            security=True,  # whoever else is on this machine cannot send work
            dashboard_address=shown or f"{HERE}:0",
            scheduler_kwargs={"dashboard": bool(shown)},
            memory_limit=0,  # the few chunks under way are what is held
            silence_logs=logging.CRITICAL,  # what a user must know comes as an error
        ) as processes,
        Client(processes, set_as_default=False) as connected,
    ):
        yield connected


@contextmanager
def _at(there: str) -> Iterator["Client"]:
    from distributed import Client

    try:
        connected = Client(there, set_as_default=False, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise WorkersError(
            f"PFAFN_SCHEDULER is {there}, where no Dask scheduler answers ({error}): start one "
            "with `dask scheduler`, or unset it to work on this machine"
        ) from error
    with connected:
        try:
            connected.wait_for_workers(1, timeout=JOIN)
        except TimeoutError as error:
            raise no_workers(there) from error
        yield connected


def no_workers(there: str) -> WorkersError:
    return WorkersError(
        f"the scheduler at {there} has no workers: start some with `dask worker {there}`; what is "
        "done is kept, run the same again"
    )


@cache
def identity() -> dict[str, str]:
    """Versions of what decides the bytes: this package's code and the libraries it works with."""
    versions = {name: importlib.metadata.version(name) for name in (*LIBRARIES, "pillow")}
    return {"pfafn": package_version()[:16]} | versions


def look(path: Path) -> Look | None:
    """What tells a file or folder from another one of its name; None if there is none."""
    try:
        found = path.stat()
        names = tuple(sorted(p.name for p in path.iterdir())) if path.is_dir() else ()
    except OSError:
        return None
    return names, 0 if names else found.st_size, int(found.st_mtime)


def looks(paths: Iterable[Path]) -> dict[Path, Look | None]:
    """What this process sees of each path, which is made absolute."""
    return {path.absolute(): look(path) for path in paths}


def insist(code: Mapping[str, str], seen: Mapping[Path, Look | None]) -> None:
    """Raise WorkersError unless this process has the code and sees the files that are wanted."""
    worker, mine = f"the worker on {socket.gethostname()}", identity()
    for name, version in code.items():
        if mine.get(name) != version:
            raise WorkersError(
                f"{worker} has {name} {mine.get(name)}, the run that it works for has {version}, "
                "so other bytes might come out: install the same there and start the worker again"
            )
    for path, wanted in seen.items():
        if (found := look(path)) != wanted:
            what = "there is none" if found is None else "it is another one"
            raise WorkersError(
                f"{worker} does not see {path} as the run that it works for: {what}. Workers need "
                "the same file system at the same place, and nobody may change it meanwhile"
            )
