"""The errors a user can cause: their message says what was expected, what came and what to do."""

import re

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
