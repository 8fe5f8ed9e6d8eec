"""Messages are for logs that others read: no password of a URL is in them."""

import pytest

from pfafn.kit.errors import UserError, public
from pfafn.kit.files import MissingInput


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see http://me:s3cr3t@host:1/x now", "see http://host:1/x now"),
        ("https://t0ken@host/r.git", "https://host/r.git"),
        ("postgresql://me:p%40ss@db/mlflow", "postgresql://db/mlflow"),
        ("a http://u:p@b c http://u:p@d", "a http://b c http://d"),
        ("http://host/?user=me&password=s3cr3t&x=1", "http://host/?user=me&password=***&x=1"),
        ("http://host/a?api_key=s3cr3t", "http://host/a?api_key=***"),
        ("http://host/a?client_secret=s3cr3t", "http://host/a?client_secret=***"),
        ("http://host/a?access_token=s3cr3t", "http://host/a?access_token=***"),
        ("http://host/a?API_KEY=s3cr3t", "http://host/a?API_KEY=***"),
        ("sqlite:////tmp/a@b/mlflow.db", "sqlite:////tmp/a@b/mlflow.db"),
        ("mail me@host, see http://host/@me", "mail me@host, see http://host/@me"),
    ],
)
def test_a_url_is_shown_without_its_credentials(text: str, shown: str) -> None:
    assert public(text) == shown


@pytest.mark.parametrize("kind", [UserError, MissingInput])
def test_no_users_error_shows_them(kind: type[UserError]) -> None:
    assert str(kind("no http://me:s3cr3t@host")) == "no http://host"
