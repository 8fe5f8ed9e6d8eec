"""What is told of a loss curve."""

import pytest
from tinytrain import ADAM, Samples, recipe, schedule, tutor_objective

from pfafn.training.curve import summary
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
