"""`pfafn serve`: uvicorn over the application, and how it ends."""

import asyncio
import signal
import socket
import time
from pathlib import Path
from types import FrameType

import uvicorn

from pfafn.kit.errors import UserError
from pfafn.kit.progress import tell
from pfafn.serving.app import create
from pfafn.serving.gallery import Gallery
from pfafn.serving.refusals import Bounds
from pfafn.serving.service import Service

LOOK = 0.1  # seconds
GRACE = 5  # seconds for answers that are on their way when all is done


class AddressError(UserError, OSError):
    """The server cannot listen where it was told to; the message says why."""


class Server(uvicorn.Server):
    """Asked to stop, it finishes what it has accepted and lets the results be collected.

    New requests are refused with 503 meanwhile. A second signal ends it at once.
    """

    def __init__(self, config: uvicorn.Config, service: Service, grace: float) -> None:
        super().__init__(config)
        self.service, self.grace = service, grace
        self.draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.service.door.closed or not self.started:
            super().handle_exit(sig, frame)
            return
        self.service.door.closed = True
        self._captured_signals.append(sig)
        asyncio.get_running_loop().call_soon_threadsafe(self._drain, sig)

    def _drain(self, sig: int) -> None:
        tell(f"{signal.Signals(sig).name}: finishing what is accepted, at most {self.grace:.0f} s")
        self.draining = asyncio.get_running_loop().create_task(self._drained())

    async def _drained(self) -> None:
        end = time.monotonic() + self.grace
        while self.service.busy and time.monotonic() < end:
            await asyncio.sleep(LOOK)
        self.should_exit = True


def run(
    source: str, host: str, port: int, folder: Path | None, bounds: Bounds, watch: float,
    grace: float,
) -> None:  # fmt: skip
    """Serve until a signal asks to stop.

    Raises UserError if model or gallery cannot be used, AddressError if the port cannot.
    """
    service = Service(source, bounds, watch)
    app = create(service, Gallery.of(folder))
    with bound(host, port) as listening:
        service.champion.renew()
        loaded = service.loaded()
        shown = f"[{host}]" if ":" in host else host
        tell(f"serving {loaded.label} on {loaded.model.device} at "
             f"http://{shown}:{listening.getsockname()[1]}, API at /docs")  # fmt: skip
        config = uvicorn.Config(app, log_level="warning", lifespan="on", server_header=False,
                                timeout_graceful_shutdown=GRACE)  # fmt: skip
        Server(config, service, grace).run([listening])


def bound(host: str, port: int) -> socket.socket:
    """A socket at the address; raises AddressError if that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise AddressError(
            f"cannot serve at {host}:{port} ({error.strerror}); choose another --port or --host"
        ) from error
    return listening
