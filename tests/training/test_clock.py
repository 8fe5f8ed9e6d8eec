"""When a resume point is due: by the time since the last one, or by steps."""

import pytest

from pfafn.training import saver
from pfafn.training.saver import Clock

Patch = pytest.MonkeyPatch


@pytest.fixture
def now(monkeypatch: Patch) -> list[float]:
    """Seconds, to be set by hand."""
    monkeypatch.delenv("PFAFN_CHECKPOINT_STEPS", raising=False)
    monkeypatch.setenv("PFAFN_CHECKPOINT_SECONDS", "60")
    seconds = [1000.0]
    monkeypatch.setattr(saver.time, "monotonic", lambda: seconds[0])
    return seconds


def due(clock: Clock, now: list[float], *moments: float) -> list[bool]:
    """Whether it is due after a step that ends then, in seconds since the beginning."""
    found = []
    for step, now[0] in enumerate((1000 + moment for moment in moments), 1):
        found.append(clock.due(step))
    return found


def test_it_is_due_before_another_step_as_long_would_end_too_late(now: list[float]) -> None:
    assert due(Clock(0, 0), now, 10, 20, 30, 40, 49, 54.6) == [False] * 5 + [True]
    now[0] = 1000
    assert due(Clock(0, 0), now, 29.5, 30.1) == [False, False]
    now[0] = 1000
    assert due(Clock(0, 0), now, 30) == [True]


def test_it_counts_from_the_last_point_and_the_time_of_saving_is_told(now: list[float]) -> None:
    clock = Clock(500, 0)
    now[0] += 50
    with clock.saving(1):
        now[0] += 5
    assert clock.waited == 5
    assert clock.seconds() == 555
    assert due(clock, now, 75, 84) == [False, False]
    assert clock.due(3) is False
    now[0] += 30
    assert clock.due(4) is True


@pytest.mark.parametrize(
    ("every", "before", "steps"),
    [
        ("1", 0, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("2", 0, [2, 4, 6, 8]),
        ("0", 0, []),
        ("3", 4, [7, 10, 13]),
        ("3", 10, [13, 16, 19]),
    ],
)
def test_it_may_also_be_due_by_steps_since_where_a_training_began_or_was_resumed(
    now: list[float], monkeypatch: Patch, every: str, before: int, steps: list[int]
) -> None:
    monkeypatch.setenv("PFAFN_CHECKPOINT_STEPS", every)
    clock, saved = Clock(0, before), []
    for step in range(before + 1, before + 10):
        if clock.due(step):
            saved.append(step)
            with clock.saving(step):
                pass
    assert saved == steps


@pytest.mark.parametrize(("step_seconds", "first"), [(1, 59), (7, 8), (40, 1), (300, 1)])
def test_by_default_never_more_than_a_minute_or_one_step_is_at_risk(
    step_seconds: int, first: int, now: list[float], monkeypatch: Patch
) -> None:
    monkeypatch.delenv("PFAFN_CHECKPOINT_SECONDS")
    clock, due = Clock(0.0, 0), []
    for step in range(1, 70):
        now[0] += step_seconds
        if clock.due(step):
            due.append(step)
            with clock.saving(step):
                pass
    assert due[0] == first
    assert all(
        (b - a) * step_seconds <= max(60, step_seconds)
        for a, b in zip(due, due[1:], strict=False)
    )  # fmt: skip


def test_the_time_that_points_cost_is_counted(now: list[float]) -> None:
    clock = Clock(5.0, 0)
    now[0] += 10
    with clock.saving(1):
        now[0] += 2
    assert (clock.waited, clock.seconds()) == (2, 17)
