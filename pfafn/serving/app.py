"""The HTTP application: the page, the API, the protocol of other servers, metrics."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from pfafn.kit.errors import UserError
from pfafn.serving import gallery, v1, v2
from pfafn.serving.refusals import BadRequest, InvalidField, NotFound, Refusal
from pfafn.serving.service import Service

PAGE = Path(__file__).parent / "page"


def create(service: Service, pictures: gallery.Gallery) -> FastAPI:
    """The application over a service, which it starts and stops."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPIOffline(
        title="pfafn", version=version("pfafn"), lifespan=running,
        description="Virtual try-on: a photo of a person, a photo of a garment, the person in it.",
    )  # fmt: skip
    app.state.service, app.state.gallery = service, pictures
    for router in (v1.router, gallery.router, v2.router):
        app.include_router(router)
    for kind in (UserError, TimeoutError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, refuse)
    app.middleware("http")(timed)
    app.get("/metrics", include_in_schema=False)(metrics)
    app.get("/", include_in_schema=False)(page)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    return app


async def refuse(request: Request, error: Exception) -> Response:
    """Every error is answered in one form."""
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        error = InvalidField(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    status = None
    if isinstance(error, HTTPException):
        status = error.status_code
        lost = status in (404, 405)
        text = f"{request.method} {request.url.path[:80]}: {error.detail}"
        error = NotFound(text) if lost else BadRequest(str(error.detail))
    service: Service = request.app.state.service
    refusal: Refusal = service.refused(error)
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else None
    return JSONResponse(refusal.as_json(), status or refusal.status, headers)


async def timed(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Measure how long an answer takes, by route: names in a path make no new series."""
    began = time.perf_counter()
    response = await answer(request)
    route = getattr(request.scope.get("route"), "path", "none")
    service: Service = request.app.state.service
    taken = time.perf_counter() - began
    service.metrics.latency.labels(route, response.status_code).observe(taken)
    return response


def metrics(request: Request) -> Response:
    told = generate_latest(request.app.state.service.metrics.registry)
    return Response(told, media_type=CONTENT_TYPE_LATEST)


def page() -> Response:
    if (PAGE / "index.html").is_file():
        return FileResponse(PAGE / "index.html")
    return Response("The API is described at /docs.", media_type="text/plain")
