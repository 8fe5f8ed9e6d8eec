"""What the API answers, and what it finds worth saying."""

import base64
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from pfafn.serving.fields import Category, GarmentPhotoType, Options
from pfafn.serving.refusals import Refusal


class Finding(BaseModel):
    """What is to be known of a photo, or of what was asked."""

    name: str
    severity: Literal["refuse", "warn", "note"]
    value: float | None = None
    limit: float | None = None
    text: str
    changed: str | None = None
    remedy: str | None = None


class Failure(BaseModel):
    """Why something was not done: what is wrong, and what to do."""

    name: str
    message: str
    remedy: str


class Milliseconds(BaseModel):
    """How long it took; total has waiting in it, and is not the sum of the others."""

    decode: float
    network: float
    encode: float
    total: float


class TryOnAnswer(BaseModel):
    """The result: base64 data URLs, or links."""

    id: str
    status: Literal["completed"]
    output: list[str]
    model_version: str
    warnings: list[Finding]
    seconds: float
    milliseconds: Milliseconds


class RunAnswer(BaseModel):
    """The job that was accepted."""

    id: str
    error: None = None


class StatusAnswer(BaseModel):
    """How far a job is."""

    id: str
    status: Literal["starting", "in_queue", "processing", "completed", "failed"]
    output: list[str] | None
    error: Failure | None
    model_version: str | None
    warnings: list[Finding]
    seconds: float | None
    milliseconds: Milliseconds | None


class CheckAnswer(BaseModel):
    """What is found in each photo; null for one that was not sent."""

    person: list[Finding] | None
    garment: list[Finding] | None
    usable: bool


class ExplainAnswer(BaseModel):
    """What a try-on is made of: PNGs as data URLs."""

    warped: str
    mask: str
    flow: str


class ModelAnswer(BaseModel):
    """The model that serves; trouble says why it is not the one that its source names now."""

    name: str
    version: str
    alias: str | None
    source: str
    size: list[int]  # height, width
    role: str
    device: str
    loaded_at: datetime
    trouble: str | None


class Picture(BaseModel):
    """A picture to choose."""

    name: str
    url: str
    thumb: str


class GalleryAnswer(BaseModel):
    """Pictures to choose from."""

    persons: list[Picture]
    garments: list[Picture]


def failures(*codes: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the codes with which a route may refuse."""
    return {code: {"model": Failure} for code in codes}


def finding(name: str, severity: str, text: str, remedy: str | None = None) -> dict[str, Any]:
    nothing = {"value": None, "limit": None, "changed": None}
    return {"name": name, "severity": severity, "text": text, "remedy": remedy, **nothing}


def unusable(refusal: Refusal) -> dict[str, Any]:
    return finding(refusal.name, "refuse", str(refusal), refusal.advice)


def of_options(asked: Options) -> list[dict[str, Any]]:
    """What of the options has no effect."""
    told = []
    if asked.seed is not None:
        told.append(finding("seed", "note", "seed has no effect: nothing here is random"))
    if asked.category not in (Category.AUTO, Category.TOPS):
        told.append(
            finding("category", "warn", f"category {asked.category} has no effect: the model "
                    "dresses people in garments of the kind it was trained on")
        )  # fmt: skip
    if asked.garment_photo_type == GarmentPhotoType.MODEL:
        told.append(
            finding("garment_photo_type", "warn", "a garment that somebody wears is not taken off",
                    "send a photo of the garment alone")
        )  # fmt: skip
    for name in asked.unknown:
        told.append(finding("field", "note", f"the field {name[:40]!r} is unknown and ignored"))
    return told


def data_url(content: bytes, media: str) -> str:
    return f"data:{media};base64,{base64.b64encode(content).decode()}"
