"""What is said of long work where no terminal shows a bar."""

import time

import pytest

from pfafn.kit.progress import Progress


def test_a_resumed_work_is_as_fast_as_what_it_has_done_since(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter((0.0, 10.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    progress = Progress("fakes", 1000, start=900)
    progress.done += 20
    progress.line(None)
    assert capsys.readouterr().err == "fakes: 920/1000 steps, 2.00 steps/s, ETA 0:00:40\n"
