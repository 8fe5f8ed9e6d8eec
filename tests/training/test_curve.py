"""What is told of a loss curve."""

import pytest
import torch
from tinytrain import ADAM, Samples, recipe, schedule, tutor_objective

from pfafn.training.curve import Curve, summary
from pfafn.training.loop import fit


def test_a_summary_is_the_mean_of_the_last_tenth_and_the_first_total() -> None:
    rows = [
        {"step": 2 * n, "epoch": n, "rate": 1.0, "total": 100.0 - n, "l1": float(n)}
        for n in range(1, 31)
    ]
    assert summary(rows) == {
        "steps": 60, "first_total": 99, "total": pytest.approx(71), "l1": pytest.approx(29),
    }  # fmt: skip


def test_of_a_short_curve_the_last_row_counts() -> None:
    rows = [{"step": n, "epoch": 1, "rate": 1.0, "total": 4.0 / n} for n in (1, 2, 4)]
    assert summary(rows) == {"steps": 4, "first_total": 4, "total": 1}


def test_a_training_counts_the_samples_it_worked_through(tmp_path) -> None:
    plan = schedule(epochs=1, decay=1, batch=2)
    how = recipe(tutor_objective(), plan)
    assert fit(how, Samples(4), ADAM, seed=3, work=tmp_path, name="tutor_warp").samples == 8


def added(curve: Curve, steps: range) -> Curve:
    """The curve after steps whose loss is their number, and whose other term is twice that."""
    for step in steps:
        value = torch.tensor(float(step))
        curve.add({"total": value, "l1": 2 * value}, step, rate=1 - step / 1000)
    return curve


@pytest.mark.parametrize(("steps", "every", "rows"), [(200, 1, 200), (201, 2, 101), (450, 3, 150)])
def test_a_long_training_has_at_most_200_rows_each_the_mean_of_its_steps(
    steps: int, every: int, rows: int
) -> None:
    curve = added(Curve(per_epoch=100, steps=steps), range(1, steps + 1))
    assert len(curve.rows) == rows
    mean = sum(range(1, every + 1)) / every
    first = {"step": every, "epoch": 1, "rate": 1 - every / 1000, "total": mean, "l1": 2 * mean}
    assert curve.rows[0] == first
    assert [row["epoch"] for row in curve.rows] == [
        (row["step"] - 1) // 100 + 1 for row in curve.rows
    ]
    assert curve.rows[-1]["step"] == steps
    assert curve.last == curve.rows[-1]["total"]


def test_a_curve_goes_on_in_the_middle_of_a_row() -> None:
    whole = added(Curve(100, 450), range(1, 451))
    begun = added(Curve(100, 450), range(1, 201))
    assert added(Curve(100, 450, **begun.state()), range(201, 451)).rows == whole.rows
    assert Curve(100, 450).last is None
