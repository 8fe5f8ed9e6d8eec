"""The errors a user can cause: their message says what was expected, what came and what to do."""

import getpass
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BAD = 1  # exit code: something could not be used

CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")  # user:password@ or token@ in a URL
SECRET = re.compile(r"(?i)([?&][^=&\s]*(?:password|token|secret|key)[^=&\s]*=)[^&\s]+")


def public(text: str) -> str:
    """A text without the credentials of the URLs in it; messages end up in logs."""
    return SECRET.sub(r"\1***", CREDENTIALS.sub("", text))


class UserError(Exception):
    """Base of every error whose message is the whole story; printed without a traceback."""

    def __str__(self) -> str:
        return public(super().__str__())


class NotYours(UserError, PermissionError):
    """A file of another user would have to be read or written; the message says what to do."""


@contextmanager
def permitted(root: Path) -> Iterator[None]:
    """Turn what the system forbids this user in the project at root into NotYours."""
    try:
        yield
    except PermissionError as error:
        file = Path(error.filename or root)
        there = next((place for place in (file, *file.parents) if place.exists()), root)
        raise NotYours(
            f"{file}: {error.strerror or error}: {there} belongs to {there.owner()}, you are "
            f"{getpass.getuser()}; run it as that user, or make the whole project yours: "
            f"`sudo chown -R {getpass.getuser()} {shlex.quote(str(root))}`"
        ) from error


class ModelError(UserError, ValueError):
    """A model file does not hold what was asked for; the message names file, expected and found."""
