"""Stop a training that has gone wrong before it spoils the weights, and say with what it did."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pfafn.kit.errors import UserError
from pfafn.kit.files import write_text
from pfafn.kit.joint import gather
from pfafn.training.processes import Dismissed

RECORD = "diverged.json"  # beside the resume point


class TrainingDiverged(UserError, RuntimeError):
    """A loss or a gradient is not finite; the message names stage, step and term."""


class NotFinite(ArithmeticError):
    """What is infinite or not a number, by name; values: the loss terms of the step.

    step: its number; batches: what it was computed from. Both are for the trainer to say.
    """

    step = 0
    batches: Sequence[Any] = ()

    def __init__(self, names: Sequence[str], values: Mapping[str, Tensor]) -> None:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
        super().__init__(shown)
        self.values = {name: float(value.detach()) for name, value in values.items()}


class Sentinel:
    """Keeps what is no number from the weights without waiting for a GPU: it is told a step later.

    From the first such step on the optimizer, a fused Adam, changes nothing any more.
    """

    def __init__(self, device: torch.device, optimizer: torch.optim.Optimizer) -> None:
        self.broken = torch.zeros((), device=device)
        optimizer.found_inf = self.broken  # as a gradient scaler tells it

    def look(self, net: nn.Module, total: Tensor) -> None:
        """Before the optimizer's step, after the backward pass of the loss `total`."""
        norm = torch.nn.utils.get_total_norm(
            [p.grad for p in net.parameters() if p.grad is not None]
        )
        finite = torch.isfinite(total) & torch.isfinite(norm)
        self.broken.copy_(torch.maximum(self.broken, 1 - finite.float()))

    def heard(self) -> Callable[[], bool]:
        """Asks, in time, whether any step until this one was broken."""
        if self.broken.device.type == "cpu":
            told = bool(self.broken)
            return lambda: told
        told, there = torch.empty((), pin_memory=True), torch.cuda.Event()
        told.copy_(self.broken, non_blocking=True)
        there.record()

        def ask() -> bool:
            there.synchronize()
            return bool(told)

        return ask


def check_finite(terms: Mapping[str, Tensor]) -> None:
    """Raise NotFinite, naming the terms that are not finite, if the total is not.

    This must come before the backward pass: that of grid sampling reads outside its memory, and
    kills the process, where a grid is not a number.
    """
    if not torch.isfinite(terms["total"]):
        raise NotFinite([name for name, v in terms.items() if not torch.isfinite(v)], terms)


def check_gradients(net: nn.Module, terms: Mapping[str, Tensor]) -> None:
    """Raise NotFinite, naming the parameters, if a gradient is not finite.

    Before the optimizer's step: Adam would keep the damage in its moments for ever.
    """
    grads = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    if grads and not torch.isfinite(torch.nn.utils.get_total_norm(grads.values())):
        wrong = [name for name, grad in grads.items() if not torch.isfinite(grad).all()]
        raise NotFinite([f"gradient of {name}" for name in wrong] or ["gradient's norm"], terms)


@contextmanager
def on_record(fabric: Fabric, work: Path, name: str, steps: int) -> Iterator[None]:
    """Make of NotFinite inside the end of the training, its batch on record in `work`.

    steps: of the whole training. The first process raises TrainingDiverged, the others Dismissed.
    """
    try:
        yield
    except NotFinite as error:
        numbers = torch.cat([batch.item for batch in error.batches])  # in the manifest
        items = gather(numbers.to(fabric.device)).flatten().tolist()
        if not fabric.is_global_zero:
            raise Dismissed(0) from error
        terms = {term: repr(value) for term, value in error.values.items()}
        content = {"step": error.step, "not_finite": str(error), "items": items, "terms": terms}
        work.mkdir(parents=True, exist_ok=True)
        write_text(work / RECORD, json.dumps(content, indent=2) + "\n")
        raise TrainingDiverged(
            f"{name}: {error} not finite in step {error.step} of {steps} (items {items}, see "
            f"{work / RECORD}); lower the learning rate or look at these samples. The last good "
            "resume point is kept"
        ) from error
