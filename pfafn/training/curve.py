"""Loss curves: kept while training, then written as a table, a picture and a summary."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

MOST_ROWS = 200
Rows = list[dict[str, Any]]


class Curve:
    """Loss terms, averaged over the steps of each row; of at most MOST_ROWS.

    per_epoch, steps: of an epoch and of the whole training.
    """

    def __init__(
        self,
        per_epoch: int,
        steps: int,
        rows: Sequence[dict[str, Any]] = (),
        count: int = 0,
        sums: Mapping[str, float] | None = None,
    ) -> None:
        self.per_epoch, self.steps = per_epoch, steps
        self.every = math.ceil(steps / MOST_ROWS)
        self.rows: Rows = list(rows)
        self.count = count  # steps in the row under way
        self.sums = {name: torch.tensor(value) for name, value in (sums or {}).items()}

    @property
    def last(self) -> float | None:
        return self.rows[-1]["total"] if self.rows else None

    def add(self, terms: Mapping[str, Tensor], step: int, rate: float) -> None:
        """Take the terms of a step, the first one is 1; rate: the factor on its learning rates."""
        for key, value in terms.items():
            self.sums[key] = self.sums.get(key, torch.zeros(())).to(value.device) + value.float()
        self.count += 1
        if step % self.every == 0 or step == self.steps:
            means = {key: float(value) / self.count for key, value in self.sums.items()}
            epoch = (step - 1) // self.per_epoch + 1
            self.rows.append({"step": step, "epoch": epoch, "rate": rate, **means})
            self.sums, self.count = {}, 0

    def state(self) -> dict[str, Any]:
        """What a resume point keeps: Curve(..., **state) goes on where this one stands."""
        sums = {name: float(value) for name, value in self.sums.items()}
        return {"rows": list(self.rows), "count": self.count, "sums": sums}


def summary(history: Rows) -> dict[str, Any]:
    """Every term of the last tenth of the curve, averaged; and the first total."""
    frame = pd.DataFrame(history)
    tail = frame.tail(max(1, len(frame) // 10)).drop(columns=["step", "epoch", "rate"]).mean()
    last = {key: round(float(value), 6) for key, value in tail.items()}
    ends = {"steps": int(frame["step"].iloc[-1]), "first_total": float(frame["total"].iloc[0])}
    return ends | last


def write_curve(history: Rows, folder: Path, stage: str) -> None:
    """Write curve.csv and its picture, curve.png."""
    frame = pd.DataFrame(history)
    frame.to_csv(folder / "curve.csv", index=False, float_format="%.6g")
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    axes[0].plot(frame["step"], frame["total"])
    axes[0].set(title=f"{stage}: total loss", xlabel="step", yscale="log")
    for term, values in frame.drop(columns=["step", "epoch", "rate", "total"]).items():
        if (values > 0).all():
            axes[1].plot(frame["step"], values, label=term)
    axes[1].set(title="terms, unweighted unless summed", xlabel="step", yscale="log")
    axes[1].legend(fontsize=7, ncols=2)
    figure.savefig(folder / "curve.png", dpi=100, metadata={"Software": None})
