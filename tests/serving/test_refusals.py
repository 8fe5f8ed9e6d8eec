"""Whatever is wrong is answered with a name, what is wrong, what to do; and a fitting code."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shop import GARMENT, PAIR, PERSON, TestClient, serving

from pfafn.photos.images import encode_png
from pfafn.serving.refusals import Door, RateLimitExceeded, Unavailable

TEXT = {"person_image": base64.b64encode(PERSON).decode(), "garment_image": ""}


LINE = encode_png(np.zeros((1, 99, 3), np.uint8))


def black(width: int, height: int) -> bytes:
    """A PNG of one bit per pixel, so that a large one is soon made."""
    buffer = io.BytesIO()
    Image.new("1", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("asked", "code", "name", "says"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "BadRequest",
         "the body cannot be read"),
        ({"content": b"[" * 9999, "headers": {"content-type": "application/json"}}, 400,
         "BadRequest", "the body cannot be read"),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415,
         "UnsupportedMediaType", "'text/plain' is not read"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "BadRequest",
         "the body cannot be read"),
        ({"json": [1]}, 422, "InvalidField", "the request"),
        ({"json": {}}, 422, "InvalidField", "person_image"),
        ({"json": TEXT}, 422, "InvalidField", "garment_image: the file is empty"),
        ({"json": TEXT | {"garment_image": "https://shop/shirt.png"}}, 422, "InvalidField",
         "addresses are not fetched"),
        ({"json": TEXT | {"garment_image": "no base64!"}}, 422, "InvalidField",
         "expected base64 of a picture's file, got 'no base64!'"),
        ({"json": TEXT | {"garment_image": 7}}, 422, "InvalidField", "garment_image"),
        ({"json": TEXT | {"garment_images": [TEXT["person_image"]] * 2}}, 422, "InvalidField",
         "expected one garment, got 2"),
        ({"files": PAIR, "data": {"output_format": "gif"}}, 422, "InvalidField", "output_format"),
        ({"files": PAIR | {"garment_image": ("g.jpg", b"a letter")}}, 422, "ImageLoadError",
         "garment_image: not a picture"),
        ({"files": PAIR | {"garment_image": ("g.jpg", GARMENT[:200])}}, 422, "ImageLoadError",
         "garment_image: damaged picture"),
        ({"files": PAIR | {"person_image": ("p.png", LINE)}}, 422, "PhotoError",
         "no photo's size"),
        ({"files": PAIR | {"person_image": ("p.png", black(5001, 5000))}}, 413, "TooLarge",
         "5001x5000 is more than 25000000 pixels"),
        ({"files": PAIR | {"person_image": ("p.png", b"x" * 2**20)}}, 413, "TooLarge",
         "a request has at most 1 MiB"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_answered_says_why(
    small: TestClient, asked: dict[str, Any], code: int, name: str, says: str
) -> None:
    answer = small.post("/v1/tryon", **asked)
    told = answer.json()
    assert (answer.status_code, told["name"]) == (code, name)
    assert says in told["message"]
    assert told["remedy"]


@pytest.fixture(scope="module")
def small(weights: Path) -> Any:
    with serving(weights, megabytes=1) as started:
        yield started


@pytest.mark.parametrize("path", ["/v1/status/none", "/v1/output/none/0", "/v1/nothing", "/nope",
                                  "/v1/gallery/persons/no.png", "/v2/models/other"])  # fmt: skip
def test_what_is_not_there_is_said_to_be_missing(small: TestClient, path: str) -> None:
    answer = small.get(path)
    assert (answer.status_code, answer.json()["name"]) == (404, "NotFound")


def test_more_requests_at_a_time_than_allowed_are_to_come_later() -> None:
    door = Door(2, 100)
    refused = pytest.raises(RateLimitExceeded, match="2 requests are being done")
    with door.passed(), door.passed(), refused, door.passed():
        pass
    with door.passed():
        assert door.requests == 1


def test_more_pixels_at_a_time_than_allowed_are_to_come_later() -> None:
    door = Door(9, 100)
    with door.passed() as large:
        large.holds(120)  # alone it may be larger
        with door.passed() as other, pytest.raises(RateLimitExceeded, match="more than 100 pixels"):
            other.holds(1)
    assert (door.requests, door.pixels) == (0, 0)


def test_a_door_that_is_closed_lets_nobody_in() -> None:
    door = Door(9, 100)
    with door.passed():
        door.closed = True
        with pytest.raises(Unavailable, match="finishes what it has accepted"), door.passed():
            pass


def test_a_refusal_for_now_says_when_to_ask_again(
    small: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small.app.state.service.door, "most_requests", 0)
    answer = small.post("/v1/tryon", files=PAIR)
    assert (answer.status_code, answer.json()["name"]) == (429, "RateLimitExceeded")
    assert int(answer.headers["retry-after"]) > 0


def test_who_waits_too_long_is_told_so(small: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    service = small.app.state.service
    monkeypatch.setattr(service.batcher, "wear", lambda pair: asyncio.sleep(60))
    monkeypatch.setattr(service, "bounds", service.bounds._replace(seconds=0.05))
    answer = small.post("/v1/tryon", files=PAIR)
    assert (answer.status_code, answer.json()["name"]) == (503, "Unavailable")


def test_a_fault_of_the_server_is_told_to_its_log_alone(
    small: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr("pfafn.serving.batcher.TryOn.encode_person", broken)
    answer = small.post("/v1/tryon", files=PAIR)
    assert (answer.status_code, answer.json()["name"]) == (500, "ServerError")
    assert "/secret/path" not in answer.text and "/secret/path" in caplog.text
