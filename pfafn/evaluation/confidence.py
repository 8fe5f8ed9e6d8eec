"""How much better one model scores than another, and how sure that is.

Both were scored on the same (person, garment) pairs, so the differences of their scores are
resampled: a paired bootstrap with a percentile interval. NOTE: not BCa, which is not defined where
all differences are equal.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from pfafn.evaluation.metrics import DECISIVE, METRICS
from pfafn.kit.errors import UserError

PAIR = ["person", "garment"]
CONFIDENCE = 0.95  # with which a gain is at least `low`, and with which it is at most `high`
LEVEL = 0.9  # with which, therefore, it is between them
RESAMPLINGS = 4000
AT_ONCE = 500  # of them in memory


class UnknownMetric(UserError, ValueError):
    """An evaluation has no such metric; the message names those it has."""


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

    metric: "PROTOCOL.METRIC", or "auto" for the first of DECISIVE that has finite values.
    Raises UnknownMetric if the table has no such protocol or metric.
    """
    table = pd.read_parquet(samples)
    names = [name for name in (DECISIVE if metric == "auto" else (metric,)) if _knows(table, name)]
    if not names:
        raise UnknownMetric(
            f"register.metric must be auto or PROTOCOL.METRIC with a protocol of "
            f"{sorted(set(table['protocol']))} and a metric of "
            f"{[name for name in METRICS if name in table]}, got {metric!r}"
        )
    candidates = [_scores(table, name, model) for name in names]
    return next((scores for scores in candidates if len(scores.values)), candidates[0])


def gain(first: Scores, second: Scores, seed: int = 0) -> Gain | None:
    """What first has over second on the pairs that both have scores of.

    None if these are fewer than two: nothing can be resampled then, and nothing is sure.
    """
    differences = (first.values - second.values).dropna().to_numpy()
    if len(differences) < 2:
        return None
    interval = bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLINGS,
        batch=AT_ONCE,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    mean, low, high = map(float, (differences.mean(), *interval))
    return Gain(mean, low, high, len(differences))


def _knows(table: pd.DataFrame, name: str) -> bool:
    protocol, _, metric = name.partition(".")
    return metric in METRICS and metric in table and (table["protocol"] == protocol).any()


def _scores(table: pd.DataFrame, name: str, model: str) -> Scores:
    protocol, _, metric = name.partition(".")
    rows = table[table["protocol"] == protocol]
    finite = rows.assign(score=rows[metric].where(np.isfinite(rows[metric])))
    by_model = finite.groupby([*PAIR, "model"])["score"].mean().unstack("model")
    known = by_model[by_model.notna().any(axis=1)]
    own = known.get(model, pd.Series(np.nan, known.index))
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    return Scores(name, sign * own.dropna(), int(own.isna().sum()))
