"""/v1: try on at once, as a job, or only look at the photos."""

import asyncio
import json
from contextlib import ExitStack
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.formparsers import MultiPartException, MultiPartParser

from pfafn.serving import answers
from pfafn.serving.answers import failures
from pfafn.serving.fields import CheckRequest, TryOnRequest
from pfafn.serving.jobs import ENDED
from pfafn.serving.refusals import (
    BadRequest,
    InvalidField,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
)
from pfafn.serving.service import Service

Body = TypeVar("Body", bound=BaseModel)
MOST_FIELDS = 32
REFUSED = (400, 413, 415, 422, 429, 500, 503)


def service_of(request: Request) -> Service:
    return request.app.state.service


Serving = Annotated[Service, Depends(service_of)]
router = APIRouter(prefix="/v1", tags=["try-on"])


def body_of(kind: type[BaseModel]) -> dict[str, Any]:
    """How OpenAPI describes a body that is JSON or a form."""
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema},
                "multipart/form-data": {"schema": schema},
            },
        }
    }


async def read(request: Request, kind: type[Body]) -> Body:
    """The fields of a request; raises Refusal if they cannot be read or are not what is asked."""
    service: Service = request.app.state.service
    most = service.bounds.megabytes * 2**20
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        async with asyncio.timeout(service.bounds.seconds):
            if media == "multipart/form-data":
                given = await form(request, most)
            elif media == "application/json" or media.endswith("+json"):
                given = json.loads(b"".join([part async for part in limited(request, most)]))
            else:
                raise UnsupportedMediaType(f"a body of type {media[:60]!r} is not read")
    except TimeoutError as error:
        raise BadRequest("the request did not arrive in time", "send it again") from error
    except (MultiPartException, ValueError, RecursionError, KeyError) as error:
        raise BadRequest(f"the body cannot be read: {error}"[:200]) from error
    return await asyncio.to_thread(checked, kind, given)


def checked(kind: type[Body], given: Any) -> Body:
    """The fields as what is asked for; raises InvalidField naming the first that is wrong."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the request"
        raise InvalidField(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


async def limited(request: Request, most: int):
    """The parts of a body; raises TooLarge as soon as it is more than so many bytes."""
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLarge(f"a request has at most {most >> 20} MiB", "shrink the pictures")
        yield part


async def form(request: Request, most: int) -> dict[str, Any]:
    """The fields of a form: text, or a file's bytes; those that are empty are left out."""
    parser = MultiPartParser(
        request.headers, limited(request, most), max_files=MOST_FIELDS, max_fields=MOST_FIELDS,
        max_part_size=most,
    )  # fmt: skip
    parser.spool_max_size = most  # nothing of a picture gets onto a disk
    given: dict[str, Any] = {}
    parsed = await parser.parse()
    for name, value in parsed.multi_items():
        content = value if isinstance(value, str) else await value.read()
        if name in given:
            raise InvalidField(f"{name}: given twice", "send one request for each garment")
        if content or (not isinstance(value, str) and value.filename):
            given[name] = content
    await parsed.close()
    return given


@router.post("/tryon", response_model=answers.TryOnAnswer, responses=failures(*REFUSED),
             openapi_extra=body_of(TryOnRequest), summary="Dress a person")  # fmt: skip
async def tryon(request: Request, service: Serving) -> Any:
    with service.door.passed() as visit:
        return await service.tryon(await read(request, TryOnRequest), visit)


@router.post("/run", response_model=answers.RunAnswer, responses=failures(*REFUSED),
             openapi_extra=body_of(TryOnRequest), summary="The same as a job")  # fmt: skip
async def run(request: Request, service: Serving) -> Any:
    with ExitStack() as stack:
        visit = stack.enter_context(service.door.passed())
        asked = await read(request, TryOnRequest)
        job = service.accept(asked, visit, stack.pop_all().close)
    return {"id": job.id, "error": None}


@router.get("/status/{id}", response_model=answers.StatusAnswer, responses=failures(404),
            summary="How far a job is")  # fmt: skip
async def status(id: str, service: Serving) -> Any:
    job = service.jobs.get(id)
    job.collected = job.status in ENDED
    return job.as_json()


@router.get("/output/{id}/{number}", responses=failures(404, 422),
            summary="A result, while it is kept")  # fmt: skip
async def output(id: str, number: int, service: Serving) -> Response:
    files = service.jobs.get(id).files
    if not 0 <= number < len(files):
        raise NotFound(f"job {id} has no output {number}")
    media, content = files[number]
    return Response(content, media_type=media, headers={"Cache-Control": "no-store"})


@router.post("/check", response_model=answers.CheckAnswer, responses=failures(*REFUSED),
             openapi_extra=body_of(CheckRequest), summary="What is found in photos")  # fmt: skip
async def check(request: Request, service: Serving) -> Any:
    with service.door.passed() as visit:
        return await service.check(await read(request, CheckRequest), visit)


@router.post("/explain", response_model=answers.ExplainAnswer, responses=failures(*REFUSED),
             openapi_extra=body_of(TryOnRequest), summary="What a try-on is made of")  # fmt: skip
async def explain(request: Request, service: Serving) -> Any:
    with service.door.passed() as visit:
        return await service.explain(await read(request, TryOnRequest), visit)


@router.get("/model", response_model=answers.ModelAnswer, responses=failures(503),
            summary="The model that serves")  # fmt: skip
async def model(service: Serving) -> Any:
    loaded = service.loaded()
    return {
        "name": loaded.found.name, "version": loaded.found.version, "alias": loaded.found.alias,
        "source": service.champion.source, "size": loaded.model.size, "role": loaded.model.role,
        "device": str(loaded.model.device), "loaded_at": loaded.at,
        "trouble": service.champion.trouble,
    }  # fmt: skip
