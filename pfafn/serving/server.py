"""`pfafn serve`: uvicorn over the application, and how it ends."""

import asyncio
import signal
import time
from pathlib import Path
from types import FrameType

import uvicorn

from pfafn.kit.progress import tell
from pfafn.serving.app import create
from pfafn.serving.gallery import Gallery
from pfafn.serving.service import Bounds, Service

LOOK = 0.1  # seconds


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
    """Serve until a signal asks to stop. Raises UserError if model or gallery cannot be used."""
    service = Service(source, bounds, watch)
    app = create(service, Gallery.of(folder))
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", lifespan="on",
                            timeout_graceful_shutdown=int(grace))  # fmt: skip
    Server(config, service, grace).run()
