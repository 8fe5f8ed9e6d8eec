"""What is told of try-ons while they are done."""

import json
from pathlib import Path

import pytest

from pfafn.doctor.findings import Finding, Severity, found
from pfafn.inference.account import Account
from pfafn.inference.folders import Job

PERSON, GARMENT = Path("p/a.jpg"), Path("g/x.png")
SMALL = found("small", Severity.WARN, "it has 90x100 pixels", 1.28, 1.0)
RAGGED = Finding("mask_doubtful", Severity.WARN, None, None, "ragged")
JOB = Job(PERSON, GARMENT, None, Path("out/a__x.png"))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """The clock goes on by a quarter of a second at every look."""
    ticks = iter(number / 4 for number in range(100))
    monkeypatch.setattr("pfafn.inference.account.time.monotonic", lambda: next(ticks))
    return Account()


def test_a_line_has_everything_that_is_known_of_a_result(account: Account) -> None:
    line = account.line(JOB, None)
    assert "\n" not in line
    assert json.loads(line) == {
        "person": "p/a.jpg", "garment": "g/x.png", "mask": None, "out": "out/a__x.png",
        "seconds": 0.25, "warnings": [], "error": None,
    }  # fmt: skip


def test_where_there_is_no_result_there_is_a_reason(account: Account) -> None:
    told = json.loads(account.line(JOB._replace(mask=Path("m/x.png")), "g/x.png: damaged"))
    assert (told["out"], told["error"], told["mask"]) == (None, "g/x.png: damaged", "m/x.png")


def test_a_warning_is_a_finding_of_the_doctor_and_the_file_it_is_of(account: Account) -> None:
    account.note(PERSON, SMALL)
    assert json.loads(account.line(JOB, None))["warnings"] == [{
        "file": "p/a.jpg", "name": "small", "severity": "warn", "value": 1.28, "limit": 1.0,
        "text": "it has 90x100 pixels", "changed": None, "remedy": "take a larger one",
    }]  # fmt: skip


def test_every_result_has_the_warnings_of_its_own_photos_once(account: Account) -> None:
    for path, finding in ((GARMENT, RAGGED), (PERSON, SMALL), (GARMENT, RAGGED)):
        account.note(path, finding)
    account.note(Path("g/y.png"), RAGGED)
    for _ in range(2):
        told = json.loads(account.line(JOB, None))["warnings"]
        assert [(each["file"], each["text"]) for each in told] == [
            ("p/a.jpg", SMALL.text), ("g/x.png", "ragged"),
        ]  # fmt: skip
    small = "it has 90x100 pixels; take a larger one"
    assert account.all() == ["g/x.png: ragged", f"p/a.jpg: {small}", "g/y.png: ragged"]


def test_seconds_add_up_to_the_time_since_the_start(account: Account) -> None:
    seconds = [json.loads(account.line(JOB, None))["seconds"] for _ in range(3)]
    assert seconds == [0.25] * 3
