"""What a request is refused with: a name, what is wrong, what to do; and the door that counts.

The names are those that clients of other try-on services know.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import ClassVar, NamedTuple

from pfafn.kit.errors import UserError
from pfafn.photos.checks import PictureError
from pfafn.photos.opening import ImageError, TooLargeError

SOON = 2  # seconds after which to ask again, where nothing better is known


class Refusal(UserError):
    """A request is not answered with what it asked for; `text` is the whole story."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    remedy: ClassVar[str] = "see /docs for what a request holds"
    retry_after: ClassVar[int | None] = None

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.advice = remedy or self.remedy

    @property
    def name(self) -> str:
        return type(self).__name__

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "message": str(self), "remedy": self.advice}


class BadRequest(Refusal):
    """The request cannot be read."""


class NotFound(Refusal):
    """There is no such thing, or no longer."""

    status = HTTPStatus.NOT_FOUND


class TooLarge(Refusal):
    """More bytes or pixels than one request may have."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    remedy = "shrink the picture"


class UnsupportedMediaType(Refusal):
    """The body is neither a form nor JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    remedy = "send multipart/form-data or application/json"


class InvalidField(Refusal):
    """A field is missing or has no value that it can have."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ImageLoadError(Refusal):
    """A picture cannot be decoded."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    remedy = "send the file as the camera or the shop made it: JPEG, PNG, WebP, AVIF or HEIC"


class PhotoError(Refusal):
    """A picture was decoded, and is no photo that can be used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    remedy = "take another photo: one person, or one garment on a plain background"


class RateLimitExceeded(Refusal):
    """As much is being done as the server takes on at a time."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    remedy = "ask again in some seconds"
    retry_after = SOON


class Unavailable(Refusal):
    """The server has no model yet, is about to end, or could not answer in time."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    remedy = "ask again in some seconds"
    retry_after = SOON


class ServerError(Refusal):
    """A fault of the server, which its log tells about."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    remedy = "tell whoever runs this server; its log says why"


def refusal_of(error: UserError) -> Refusal:
    """What a request is refused with because of an error: in our messages the remedy is last."""
    if isinstance(error, Refusal):
        return error
    message, _, remedy = str(error).rpartition("; ")
    if not message:
        message, remedy = remedy, None
    kinds = {TooLargeError: TooLarge, ImageError: ImageLoadError, PictureError: PhotoError}
    kind = next((ours for theirs, ours in kinds.items() if isinstance(error, theirs)), InvalidField)
    return kind(message, remedy)


class Bounds(NamedTuple):
    """How much is done for strangers at a time."""

    megabytes: int = 32  # of a request
    requests: int = 64  # at a time; more are answered with 429
    megapixels: int = 400  # of all pictures in memory at a time
    seconds: float = 60  # until an answer
    together: int = 32  # try-ons computed together; 1: each by itself
    kept: int = 100  # results of jobs
    kept_seconds: float = 600
    kept_megabytes: int = 512


USUAL = Bounds()


class Door:
    """Counts what is being done, and lets in no more than so many requests and pixels at a time."""

    def __init__(self, most_requests: int, most_pixels: int) -> None:
        self.most_requests, self.most_pixels = most_requests, most_pixels
        self.requests = self.pixels = 0
        self.closed = False

    @contextmanager
    def passed(self) -> Iterator["Visit"]:
        """While inside, a request is being done. Raises RateLimitExceeded or Unavailable."""
        if self.closed:
            raise Unavailable("this server finishes what it has accepted, and then ends")
        if self.requests >= self.most_requests:
            raise RateLimitExceeded(f"{self.requests} requests are being done, the most at a time")
        self.requests += 1
        visit = Visit(self)
        try:
            yield visit
        finally:
            self.requests -= 1
            self.pixels -= visit.pixels


class Visit:
    """A request that was let in."""

    def __init__(self, door: Door) -> None:
        self.door, self.pixels = door, 0

    def holds(self, pixels: int) -> None:
        """So many more pixels are in memory for it; RateLimitExceeded if that is too many."""
        if self.door.pixels and self.door.pixels + pixels > self.door.most_pixels:
            raise RateLimitExceeded(
                f"the pictures of all requests have more than {self.door.most_pixels} pixels",
                "ask again in some seconds, or send smaller pictures",
            )
        self.door.pixels += pixels
        self.pixels += pixels
