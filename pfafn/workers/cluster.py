"""Workers of a Dask cluster, for prepare, annotate, check and fakes.

PFAFN_SCHEDULER = address of a Dask scheduler (tcp://10.0.0.5:8786); by default this machine does
the work, and Dask is not needed. Never a param: what comes out is the same.
"""

import importlib.metadata
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache
from itertools import count, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pfafn.kit.progress import tell
from pfafn.kit.versions import LIBRARIES, package_version
from pfafn.workers.crew import WorkersError

if TYPE_CHECKING:  # a third of a second, which most commands need not wait for
    from distributed import Client, Future

CONNECT = 10  # seconds for a scheduler to answer
JOIN = 60  # seconds for a first worker to come
PATIENCE = 60  # seconds between two looks whether there are workers at all

Look = tuple[tuple[str, ...], int, int]


def address() -> str | None:
    """PFAFN_SCHEDULER; None: work on this machine. Raises WorkersError if it is no address."""
    wish = os.environ.get("PFAFN_SCHEDULER") or None
    if wish and not wish.startswith(("tcp://", "tls://")):
        raise WorkersError(
            f"PFAFN_SCHEDULER is {wish!r}, expected tcp://HOST:PORT or tls://HOST:PORT: "
            "`dask scheduler` says which when it starts"
        )
    return wish


class Crew:
    """The workers of a scheduler: Dask does again what one had that was lost."""

    def __init__(self, client: "Client") -> None:
        self.client = client
        self._workers: set[str] = set()
        self._keys = zip(repeat(uuid4().hex), count())

    def submit(self, work: Callable[[], Any]) -> "Future":
        return self.client.submit(work, key=next(self._keys), pure=False)

    def size(self) -> int:
        """How many there are; that some were lost is told."""
        threads = self.client.nthreads()
        if lost := len(self._workers - threads.keys()):
            tell(f"workers lost: {lost}; what they had is done again by others")
        self._workers = set(threads)
        return max(1, sum(threads.values()))  # one that was lost may be about to come back

    def result(self, future: "Future") -> Any:
        """What the work gave or raised; waits for workers, if there are none, a minute."""
        while True:
            try:
                return future.result(timeout=PATIENCE)
            except TimeoutError:
                if future.done():  # raised by the work itself
                    raise
                if not self.client.nthreads():
                    raise no_workers(self.client.scheduler.address) from None

    def deadly(self, futures: Iterable["Future"]) -> list["Future"]:
        """Those of which every worker was killed that did them, alone or with other work."""
        from distributed import KilledWorker

        failed = [future for future in futures if future.status == "error"]
        return [future for future in failed if isinstance(future.exception(), KilledWorker)]


@contextmanager
def crew() -> Iterator[Crew]:
    """At least one worker of the scheduler at PFAFN_SCHEDULER.

    Raises WorkersError if there is none, or no Dask, or if the scheduler is lost while it is used.
    """
    try:
        from distributed.comm import CommClosedError
    except ImportError as error:
        raise WorkersError(
            f"PFAFN_SCHEDULER is set, but Dask cannot be used ({error}): run `pip install "
            "'pfafn[cluster]'`, or unset it to work on this machine"
        ) from error

    there = os.environ["PFAFN_SCHEDULER"]
    try:
        with _at(there) as connected:
            yield Crew(connected)
    except (CancelledError, CommClosedError) as lost:
        raise WorkersError(
            f"the scheduler at {there} is gone: start it again, and its workers; what is done is "
            "kept, run the same again"
        ) from lost


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
    worker = f"the worker on {socket.gethostname()}"
    for name, version in code.items():
        if (mine := identity().get(name)) != version:
            raise WorkersError(
                f"{worker} has {name} {mine}, the run that it works for has {version}, "
                "so other bytes might come out: install the same there and start the worker again"
            )
    for path, wanted in seen.items():
        if (found := look(path)) != wanted:
            what = "there is none" if found is None else "it is another one"
            raise WorkersError(
                f"{worker} does not see {path} as the run that it works for: {what}. Workers need "
                "the same file system at the same place, and nobody may change it meanwhile"
            )
