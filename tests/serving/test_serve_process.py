"""How the process begins and ends."""

import asyncio
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from shop import serving

from pfafn.serving.jobs import COMPLETED, Job
from pfafn.serving.server import AddressError, Server, bound
from pfafn.serving.service import Service


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressError, match=f"cannot serve at 127.0.0.1:{port} .*--port"):
            bound("127.0.0.1", port)


@pytest.fixture
def server(weights: Path) -> Server:
    service: Service = serving(weights).app.state.service
    made = Server(uvicorn.Config(app=None), service, grace=60)  # type: ignore[arg-type]
    made.started = True
    return made


def test_asked_to_stop_it_ends_once_what_was_accepted_is_done_and_known(server: Server) -> None:
    async def story() -> list[bool]:
        job, seen = Job(), []
        server.service.jobs.keep(job)
        with server.service.door.passed():
            server.handle_exit(signal.SIGTERM, None)
            await asyncio.sleep(0.15)
            seen.append(server.should_exit)
        job.end(COMPLETED, {})
        await asyncio.sleep(0.15)
        seen.append(server.should_exit)
        job.collected = True
        await server.draining
        return [*seen, server.should_exit]

    assert asyncio.run(story()) == [False, False, True]
    assert server.service.door.closed


def test_results_that_nobody_fetches_are_waited_for_up_to_the_grace(server: Server) -> None:
    async def story() -> None:
        server.grace = 0.05
        server.service.jobs.keep(Job())
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.sleep(0)
        await server.draining

    asyncio.run(story())
    assert server.should_exit


def test_a_second_signal_ends_it_at_once(server: Server) -> None:
    async def story() -> Any:
        server.service.jobs.keep(Job())
        server.handle_exit(signal.SIGINT, None)
        await asyncio.sleep(0)
        server.handle_exit(signal.SIGINT, None)
        server.draining.cancel()

    asyncio.run(story())
    assert server.should_exit
