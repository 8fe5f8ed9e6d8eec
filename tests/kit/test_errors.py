"""Messages say what to do, and are for logs that others read: no URL's password is in them."""

import getpass
from pathlib import Path

import pytest

from pfafn.kit.errors import NotYours, UserError, permitted, public
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


def test_what_another_user_owns_is_named_with_whose_it_is_and_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "a b/missing/file"
    file.parents[1].mkdir()
    with pytest.raises(NotYours) as told, permitted(tmp_path / "a b"):
        raise PermissionError(13, "Permission denied", str(file))
    me = getpass.getuser()
    assert str(told.value) == (
        f"{file}: Permission denied: {file.parents[1]} belongs to {me}, you are {me}; run it as "
        f"that user, or make the whole project yours: `sudo chown -R {me} '{tmp_path}/a b'`"
    )


def test_whatever_else_is_wrong_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), permitted(tmp_path):
        (tmp_path / "file").read_bytes()
