"""/v2: the Open Inference Protocol, as schedulers and gateways speak it."""

import asyncio
import base64
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from pfafn.serving.answers import failures
from pfafn.serving.fields import TryOnRequest
from pfafn.serving.jobs import Job
from pfafn.serving.refusals import InvalidField, NotFound, Unavailable
from pfafn.serving.service import Service
from pfafn.serving.v1 import REFUSED, Serving, checked, read

INPUTS = ("person_image", "garment_image", "garment_mask")
router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])


class Tensor(BaseModel):
    """A column of base64 of pictures' files, one a row."""

    model_config = ConfigDict(extra="allow")

    name: str
    shape: list[int]
    datatype: Literal["BYTES"]
    data: list[str]


class InferRequest(BaseModel):
    """Columns person_image, garment_image and, if wanted, garment_mask; each [rows]."""

    model_config = ConfigDict(extra="allow")

    id: str | None = None
    inputs: list[Tensor]


class InferAnswer(BaseModel):
    """A column of base64 of PNG files, one a row."""

    model_name: str
    model_version: str
    id: str | None
    outputs: list[Tensor]


@router.get("", summary="This server")
async def server() -> dict[str, Any]:
    return {"name": "pfafn", "version": "1", "extensions": []}


@router.get("/health/live", summary="Whether the process answers")
async def live() -> dict[str, bool]:
    return {"live": True}


@router.get("/health/ready", responses=failures(503), summary="Whether it takes requests")
async def ready(service: Serving) -> dict[str, bool]:
    if not service.ready:
        raise Unavailable("there is no model yet, or this server is about to end")
    return {"ready": True}


@router.get("/models/{name}", responses=failures(404, 503), summary="The model's inputs")
@router.get("/models/{name}/versions/{version}", responses=failures(404, 503), summary="The same")
async def metadata(service: Serving, name: str, version: str | None = None) -> dict[str, Any]:
    found = named(service, name, version)
    columns = [{"name": column, "datatype": "BYTES", "shape": [-1]} for column in INPUTS]
    return {
        "name": found.name, "versions": [found.version], "platform": "pytorch",
        "inputs": columns, "outputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],
    }  # fmt: skip


@router.get("/models/{name}/ready", responses=failures(404, 503), summary="Whether it answers")
@router.get("/models/{name}/versions/{version}/ready", responses=failures(404, 503),
            summary="The same")  # fmt: skip
async def model_ready(service: Serving, name: str, version: str | None = None) -> dict[str, Any]:
    found = named(service, name, version)
    return await ready(service) | {"name": found.name}


@router.post("/models/{name}/infer", response_model=InferAnswer,
             responses=failures(404, *REFUSED), summary="Dress a person in each row")  # fmt: skip
@router.post("/models/{name}/versions/{version}/infer", response_model=InferAnswer,
             responses=failures(404, *REFUSED), summary="The same")  # fmt: skip
async def infer(request: Request, service: Serving, name: str, version: str | None = None) -> Any:
    """All rows are done, or the first that cannot be is the answer."""
    found = named(service, name, version)
    with service.door.passed() as visit:
        asked = await read(request, InferRequest)
        columns = {column.name: column.data for column in asked.inputs}
        count = {len(data) for data in columns.values()}
        if len(count) != 1 or not 1 <= min(count) <= service.bounds.together:
            raise InvalidField(
                f"expected columns of equally many rows, 1 to {service.bounds.together}, got "
                f"{ {column: len(data) for column, data in columns.items()} }"
            )
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        wanted = [checked(TryOnRequest, row | {"output_format": "png"}) for row in rows]
        done = await asyncio.gather(*(wear(service, one, visit) for one in wanted))
    column = Tensor(name="image", shape=[len(done)], datatype="BYTES", data=done)
    return InferAnswer(model_name=found.name, model_version=found.version, id=asked.id,
                       outputs=[column])  # fmt: skip


async def wear(service: Service, asked: TryOnRequest, visit: Any) -> str:
    job = Job()
    await service.wear(asked, visit, job)
    return base64.b64encode(job.files[0][1]).decode()


def named(service: Service, name: str, version: str | None) -> Any:
    """The model that serves, if that is its name; raises NotFound otherwise."""
    found = service.loaded().found
    if name != found.name or version not in (None, found.version):
        raise NotFound(
            f"no model {name[:40]!r} version {str(version)[:20]}",
            f"ask {found.name} version {found.version}, which serves",
        )
    return found
