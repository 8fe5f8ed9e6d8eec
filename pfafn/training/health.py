"""Stop a training that has gone wrong before it spoils the weights, and say with what it did."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pfafn.kit.errors import UserError
from pfafn.kit.files import whole

RECORD = "diverged.json"  # beside the resume point


class TrainingDiverged(UserError, RuntimeError):
    """A loss or a gradient is not finite; the message names stage, step and term."""


class NotFinite(ArithmeticError):
    """What is infinite or not a number, by name; values: the loss terms of the step."""

    def __init__(self, names: Sequence[str], values: Mapping[str, Tensor]) -> None:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
        super().__init__(shown)
        self.values = {name: float(value.detach()) for name, value in values.items()}


def check_finite(terms: Mapping[str, Tensor]) -> None:
    """Raise NotFinite, naming the terms that are not finite, if the total is not.

    This must come before the backward pass: that of grid sampling reads outside its memory, and
    kills the process, where a grid is not a number.
    """
    if not torch.isfinite(terms["total"]):
        raise NotFinite([name for name, v in terms.items() if not torch.isfinite(v)], terms)


def check_gradients(
    optimizer: torch.optim.Optimizer, names: Mapping[int, str], terms: Mapping[str, Tensor]
) -> None:
    """Raise NotFinite, naming the parameters, if a gradient is not finite.

    Before the optimizer's step: Adam would keep the damage in its moments for ever.
    """
    trained = [p for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
    if not trained:
        return
    if not torch.isfinite(torch.nn.utils.get_total_norm(p.grad for p in trained)):
        wrong = [names[id(p)] for p in trained if not torch.isfinite(p.grad).all()]
        raise NotFinite([f"gradient of {name}" for name in wrong] or ["gradient's norm"], terms)


def items_of(micro_batches: Sequence[Mapping[str, Tensor]]) -> list[int]:
    """The manifest's numbers of all samples, where they have one."""
    return [int(i) for batch in micro_batches for i in batch.get("item", ())]


def record(work: Path, step: int, items: list[int], error: NotFinite) -> Path:
    """Write down the batch that did it; the path of the record."""
    content: dict[str, Any] = {
        "step": step,
        "not_finite": str(error),
        "items": items,
        "terms": {name: repr(value) for name, value in error.values.items()},
    }
    work.mkdir(parents=True, exist_ok=True)
    with whole(work / RECORD) as scratch:
        scratch.write_text(json.dumps(content, indent=2) + "\n")
    return work / RECORD


def diverged(name: str, when: str, error: NotFinite, kept: Path) -> TrainingDiverged:
    """The error that ends a training; kept: the record of its batch."""
    items = json.loads(kept.read_text())["items"]
    return TrainingDiverged(
        f"{name}: {error} not finite in {when} (items {items}, see {kept}); lower the learning "
        "rate or look at these samples. The last good resume point is kept"
    )
