"""The gate: whether a new student is better than the champion, and how sure that is.

Both were scored on the same (person, garment) pairs, so the differences of their scores are
resampled (paired bootstrap). A student passes if it is better by more than the margin in at least
95 of 100 resamplings. Doubt and missing numbers never pass.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pfafn.kit.errors import UserError

AUTO = ("unpaired.psnr_clothes", "paired.ssim")
LOWER_IS_BETTER = frozenset({"epe"})
PAIR = ["person", "garment"]
KEYS = frozenset({*PAIR, "item", "protocol", "model"})  # the other columns are metrics
RESAMPLINGS = 4000
CONFIDENCE = 0.95


class GateError(UserError, ValueError):
    """The gate's metric cannot be used; the message names it."""


class Decision(NamedTuple):
    """What the gate said, and why in one sentence."""

    promote: bool
    reason: str


class Scores(NamedTuple):
    """One model's scores of one metric, indexed by (person, garment); higher is better."""

    metric: str
    values: pd.Series
    missing: int  # pairs that others have a number for, and this model has not


class Gain(NamedTuple):
    """How much better one model scores than another; with CONFIDENCE at least low, at most high."""

    mean: float
    low: float
    high: float
    pairs: int


def read(samples: Path, metric: str, model: str = "student") -> Scores:
    """Read a model's scores from an evaluation's per-sample table.

    metric: "PROTOCOL.METRIC", or "auto" for the first of AUTO that has finite values.
    Raises GateError if the table has no such protocol or metric.
    """
    table = pd.read_parquet(samples)
    names = [name for name in (AUTO if metric == "auto" else (metric,)) if _knows(table, name)]
    if not names:
        raise GateError(
            f"register.metric must be auto or PROTOCOL.METRIC with a protocol of "
            f"{sorted(set(table['protocol']))} and a metric of "
            f"{[name for name in table.columns if name not in KEYS]}, got {metric!r}"
        )
    found = [_scores(table, name, model) for name in names]
    return next((scores for scores in found if len(scores.values)), found[0])


def _knows(table: pd.DataFrame, metric: str) -> bool:
    protocol, _, column = metric.partition(".")
    return column in table and column not in KEYS and (table["protocol"] == protocol).any()


def _scores(table: pd.DataFrame, metric: str, model: str) -> Scores:
    protocol, _, column = metric.partition(".")
    rows = table[table["protocol"] == protocol]
    finite = rows.assign(score=rows[column].where(np.isfinite(rows[column])))
    by_model = finite.groupby([*PAIR, "model"])["score"].mean().unstack("model")
    known = by_model[by_model.notna().any(axis=1)]
    own = known.get(model, pd.Series(np.nan, known.index))
    sign = -1.0 if column in LOWER_IS_BETTER else 1.0
    return Scores(metric, sign * own.dropna(), int(own.isna().sum()))


def gain(first: Scores, second: Scores, seed: int = 0) -> Gain | None:
    """What first has over second on the pairs that both have scores of; None if there are none."""
    differences = (first.values - second.values).dropna().to_numpy()
    if not len(differences):
        return None
    draw = np.random.default_rng(seed)
    means = [draw.choice(differences, len(differences)).mean() for _ in range(RESAMPLINGS)]
    low, high = np.quantile(means, [1 - CONFIDENCE, CONFIDENCE])
    return Gain(float(differences.mean()), float(low), float(high), len(differences))


def first(new: Scores) -> Decision:
    """Judge a student when there is no champion yet: its scores must all be there."""
    return _failed(new) or Decision(
        True, f"there was no champion; {new.metric} is {abs(new.values.mean()):.4g}"
    )


def compare(new: Scores, champion: Scores, margin: float, seed: int = 0) -> Decision:
    """Judge a student against the champion, both scored on the same evaluation data."""
    if failed := _failed(new):
        return failed
    if champion.metric != new.metric or not new.values.index.equals(champion.values.index):
        return Decision(False, f"the champion has no {new.metric} on the same pairs")
    over = gain(new, champion, seed)
    found = (
        f"{new.metric} {over.mean:+.4g} against the champion over {over.pairs} pairs, "
        f"at least {over.low:+.4g} with {CONFIDENCE:.0%} confidence; the margin is {margin:g}"
    )
    return Decision(over.low > margin, found)


def _failed(new: Scores) -> Decision | None:
    if new.missing:
        return Decision(False, f"{new.metric} failed on {new.missing} pairs")
    if new.values.empty:
        return Decision(False, f"the evaluation has no finite {new.metric}")
    return None
