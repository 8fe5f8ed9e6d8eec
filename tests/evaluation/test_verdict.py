"""The gate lets pass only what is surely better."""

import numpy as np
import pandas as pd
import pytest

from pfafn.evaluation import verdict
from pfafn.evaluation.confidence import Scores


def scores(values: list[float], metric: str = "unpaired.psnr_clothes", missing: int = 0) -> Scores:
    names = [(f"{i:06}_0", "5_1") for i in range(len(values))]
    index = pd.MultiIndex.from_tuples(names, names=["person", "garment"])
    return Scores(metric, pd.Series(values, index, dtype=float), missing)


def test_a_gain_has_to_exceed_the_margin() -> None:
    champion, better = scores([20.0] * 10), scores([20.1] * 10)
    assert verdict.compare(better, champion, margin=0.05).promote
    assert not verdict.compare(better, champion, margin=0.2).promote


def test_a_better_mean_that_may_be_luck_does_not_pass() -> None:
    champion, lucky = scores([20.0] * 10), scores([19.0] * 6 + [22.0] * 4)
    assert lucky.values.mean() > champion.values.mean()
    assert not verdict.compare(lucky, champion, margin=0.0).promote


def test_the_same_student_is_not_better_than_itself() -> None:
    same = scores([20.0, 21.0])
    assert not verdict.compare(same, same, margin=0.0).promote


def test_one_pair_cannot_tell() -> None:
    said = verdict.compare(scores([30.0]), scores([20.0]), margin=0.0)
    assert not said.promote
    assert "one pair cannot tell" in said.reason


@pytest.mark.parametrize(
    "champion", [scores([20.0] * 2), scores([20.0] * 3, metric="paired.ssim"), scores([])]
)
def test_other_pairs_or_metrics_are_not_compared(champion: Scores) -> None:
    said = verdict.compare(scores([30.0] * 3), champion, margin=0.0)
    assert not said.promote
    assert "no unpaired.psnr_clothes on the same pairs" in said.reason


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (scores([30.0] * 3, missing=1), "failed on 1 pairs"),
        (scores([]), "the evaluation has no finite unpaired.psnr_clothes"),
    ],
)
def test_missing_numbers_never_pass(new: Scores, says: str) -> None:
    for said in (verdict.first(new), verdict.compare(new, scores([1.0] * 3), margin=0.0)):
        assert not said.promote
        assert says in said.reason


def test_the_first_student_needs_nothing_but_its_scores() -> None:
    assert verdict.first(scores([20.0, 22.0])) == (
        True,
        "there was no champion; unpaired.psnr_clothes is 21",
    )


@pytest.mark.parametrize("low", [np.nan, 0.5])
def test_doubt_does_not_pass(low: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from pfafn.evaluation.confidence import Gain

    monkeypatch.setattr(verdict, "gain", lambda *_: Gain(2.0, low, 3.0, 3))
    assert not verdict.compare(scores([22.0] * 3), scores([20.0] * 3), margin=0.5).promote
