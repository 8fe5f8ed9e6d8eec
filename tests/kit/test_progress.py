"""What is said of long work where no terminal shows a bar."""

import time

import pytest

from pfafn.kit.progress import LINE_EVERY, Progress


def test_a_resumed_work_is_as_fast_as_what_it_has_done_since(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter((0.0, 10.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    progress = Progress("fakes", 1000, start=900)
    progress.done += 20
    progress.line(None)
    assert capsys.readouterr().err == "fakes: 920/1000 steps, 2.00 steps/s, ETA 0:00:40\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds since the start, to be set by hand."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_line_comes_now_and_then_with_the_loss_and_at_the_end(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("train", 100, unit="photos") as progress:
        for clock[0] in (LINE_EVERY, LINE_EVERY + 10, 2 * LINE_EVERY + 9):
            progress.advance(0.123456, steps=20)
        clock[0] = 2 * LINE_EVERY + 10
        progress.advance(steps=40)
    assert capsys.readouterr().err.splitlines() == [
        "train: 40/100 photos, loss 0.1235, 1.00 photos/s, ETA 0:01:00",
        "train: 100/100 photos, 1.43 photos/s, ETA 0:00:00",
    ]


def test_a_resumed_work_says_so_and_one_that_failed_claims_no_end(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError), Progress("train", 9, start=4):
        raise ZeroDivisionError
    assert capsys.readouterr().err == "train: resumed at 4/9 steps\n"


def test_work_that_took_no_time_has_no_speed(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    Progress("train", 9).line(None)
    assert capsys.readouterr().err == "train: 0/9 steps, 0.00 steps/s, ETA unknown\n"


def test_quiet_work_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("train", 9, start=4, quiet=True) as progress:
        clock[0] = 2 * LINE_EVERY
        progress.advance(1.0)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_a_bar_stands_beside_the_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    with Progress("train", 9, start=4) as progress:
        progress.advance(0.25, steps=5)
    told = capsys.readouterr()
    assert told.out == ""
    assert all(words in told.err for words in ("train", "9/9", "loss 0.25"))
