"""The one training loop: any objective, any schedule, resumed exactly where it was stopped."""

import math
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from pfafn import checkpoint, runtime
from pfafn.checkpoint import ResumePoint
from pfafn.data.dataset import EpochSampler
from pfafn.errors import UserError
from pfafn.objectives import Objective
from pfafn.params import Optimizer, Schedule
from pfafn.progress import Progress

ROWS = 200  # of a loss curve, at most


class TrainingDiverged(UserError, RuntimeError):
    """A loss is not finite; the message names stage, step and term."""


class NotFinite(ArithmeticError):
    """The loss terms, named, that are infinite or not a number."""


class TooFewSamples(UserError, ValueError):
    """A batch is larger than the data set; the message names both."""


class Stopped(SystemExit):
    """SIGTERM or SIGINT arrived and the resume point is written; exit code 128 + signal."""


class Plan(NamedTuple):
    """What a stage trains and how fast.

    rates: learning rate by parameter-name prefix ("warp", "generator"); frozen: prefixes that stand
    still during the first `frozen_epochs` epochs, after which everything trains with a new Adam.
    """

    schedule: Schedule
    rates: Mapping[str, float]
    frozen: tuple[str, ...] = ()
    frozen_epochs: int = 0

    @property
    def epochs(self) -> int:
        return self.schedule.epochs + self.schedule.decay

    def rate(self, epoch: int) -> float:
        """Factor on every learning rate in epoch 1, 2, ...: flat, then linear towards zero."""
        if epoch <= self.schedule.epochs:
            return 1.0
        return (self.epochs + 1 - epoch) / self.schedule.decay

    def late(self, epoch: int) -> bool:
        """Whether the learning rate decays by now."""
        return epoch > self.schedule.epochs

    def is_frozen(self, name: str, epoch: int) -> bool:
        return epoch <= self.frozen_epochs and name.startswith(self.frozen or ("\0",))


class Trained(NamedTuple):
    """Outcome of `fit`."""

    history: list[dict[str, Any]]  # rows of the loss curve
    samples: int  # worked through in all
    seconds: float  # of training, over all tries


def fit(
    objective: Objective,
    dataset: Dataset,
    plan: Plan,
    adam: Optimizer,
    *,
    seed: int,
    work: Path,
    name: str,
) -> Trained:
    """Train objective.net on dataset by plan, in place.

    work: folder for resume points; one found there is continued, bit for bit on a CPU. name: shown
    in progress and errors. Raises TooFewSamples if a batch is larger than the data
    set, TrainingDiverged on a non-finite loss, Stopped on a signal.
    """
    fabric = runtime.fabric()
    per_epoch = len(dataset) // plan.schedule.batch
    if not per_epoch:
        raise TooFewSamples(
            f"{name}.batch is {plan.schedule.batch}, but there are only {len(dataset)} samples to train on"
        )
    point = checkpoint.peek(work) or ResumePoint(0, [], 0.0)
    module = fabric.setup_module(objective.to(memory_format=torch.channels_last))
    trainer = Trainer(fabric, module, objective, plan, adam)
    # Of the last step done: the next one may start a phase, with a fresh Adam.
    trainer.enter(max(point.step - 1, 0) // per_epoch + 1)
    if point.step:
        checkpoint.load(work, objective.net, trainer.optimizer, trainer.names)

    total = per_epoch * plan.epochs
    every = math.ceil(total / ROWS)
    curve = Curve(point.history)
    clock = Clock(point.seconds)
    batches = iter(loader(fabric, dataset, plan, seed, per_epoch, point.step))
    with Progress(name, total, point.step) as progress, stop_signals() as stop:
        for step in range(point.step + 1, total + 1):
            epoch = (step - 1) // per_epoch + 1
            trainer.enter(epoch)
            micro_batches = [next(batches) for _ in range(plan.schedule.accumulate)]
            try:
                terms = trainer.step(micro_batches, epoch)
            except NotFinite as error:
                items = [int(i) for batch in micro_batches for i in batch.get("item", ())]
                raise TrainingDiverged(
                    f"{name}: {error} not finite in step {step} of {total} (items {items}); lower "
                    "the learning rate or look at these samples"
                ) from error

            curve.add(terms)
            if step % every == 0 or step == total:
                curve.row(step, epoch, plan.rate(epoch))
            progress.advance(curve.last)
            if stop.signal or clock.due():
                trainer.save(work, ResumePoint(step, *curve.state(), clock.seconds()))
            if stop.signal:
                raise Stopped(128 + stop.signal)
    return Trained(curve.rows, total * plan.schedule.batch, clock.seconds())


class Trainer:
    """Module and optimizer of a phase, and one step of it."""

    def __init__(
        self, fabric: Fabric, module: nn.Module, objective: Objective, plan: Plan, adam: Optimizer
    ) -> None:
        self.fabric, self.module, self.objective = fabric, module, objective
        self.plan, self.adam = plan, adam
        self.names = {id(p): name for name, p in objective.net.named_parameters()}
        self.optimizer: torch.optim.Optimizer | None = None

    def enter(self, epoch: int) -> None:
        """Set the learning rate; at the first epoch of a phase, what trains and a new Adam."""
        thawed = epoch == self.plan.frozen_epochs + 1
        if self.optimizer is None or (thawed and self.phase != "all"):
            self.phase = "frozen" if epoch <= self.plan.frozen_epochs else "all"
            self.optimizer = self.fabric.setup_optimizers(self.new_optimizer(epoch))
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * self.plan.rate(epoch)

    def new_optimizer(self, epoch: int) -> torch.optim.Adam:
        groups = []
        for prefix, rate in self.plan.rates.items():
            chosen = []
            for name, parameter in self.objective.net.named_parameters():
                if name.startswith(f"{prefix}."):
                    parameter.requires_grad_(not self.plan.is_frozen(name, epoch))
                    chosen += [parameter] if parameter.requires_grad else []
            groups.append({"params": chosen, "lr": rate, "base": rate})
        return torch.optim.Adam(groups, betas=(self.adam.beta1, self.adam.beta2))

    def step(self, micro_batches: list[dict[str, Tensor]], epoch: int) -> dict[str, Tensor]:
        """One optimizer step over the accumulated micro-batches; mean of the loss terms."""
        self.module.train()
        self.optimizer.zero_grad()
        summed: dict[str, Tensor] = {}
        for batch in micro_batches:
            terms = self.module(batch, late=self.plan.late(epoch))
            check_finite(terms)
            self.fabric.backward(terms["total"] / len(micro_batches))
            for key, value in terms.items():
                summed[key] = summed.get(key, 0) + value.detach() / len(micro_batches)
        self.optimizer.step()
        return summed

    def save(self, work: Path, point: ResumePoint) -> None:
        checkpoint.save(work, self.objective.net, self.optimizer, self.names, point)


def check_finite(terms: dict[str, Tensor]) -> None:
    """Raise NotFinite, naming the terms that are not finite, if the total is not.

    This must come before the backward pass: that of grid sampling reads outside its memory, and
    kills the process, where a grid is not a number.
    """
    if not torch.isfinite(terms["total"]):
        wrong = [name for name, value in terms.items() if not torch.isfinite(value)]
        raise NotFinite(", ".join(wrong))


class Curve:
    """Loss terms, averaged over the steps of each row."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = [row for row in rows if "step" in row]
        pending = [row for row in rows if "step" not in row]
        self.sums: dict[str, Tensor] = {}
        self.count = 0
        if pending:
            self.count = int(pending[0]["count"])
            self.sums = {k: torch.tensor(v) for k, v in pending[0]["sums"].items()}

    @property
    def last(self) -> float | None:
        return self.rows[-1]["total"] if self.rows else None

    def add(self, terms: dict[str, Tensor]) -> None:
        for key, value in terms.items():
            self.sums[key] = self.sums.get(key, torch.zeros(())).to(value.device) + value.float()
        self.count += 1

    def row(self, step: int, epoch: int, rate: float) -> None:
        """Close a row."""
        means = {key: float(value) / self.count for key, value in self.sums.items()}
        self.rows.append({"step": step, "epoch": epoch, "rate": rate, **means})
        self.sums, self.count = {}, 0

    def state(self) -> tuple[list[dict[str, Any]]]:
        """Rows and the sums of the row under way, for a resume point."""
        sums = {key: float(value) for key, value in self.sums.items()}
        return ([*self.rows, {"count": self.count, "sums": sums}] if self.count else self.rows,)


class Clock:
    """Training seconds over all tries, and when the next resume point is due."""

    def __init__(self, before: float) -> None:
        self.before = before
        self.started = self.saved = time.monotonic()

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def due(self) -> bool:
        if time.monotonic() - self.saved < runtime.checkpoint_seconds():
            return False
        self.saved = time.monotonic()
        return True


def loader(
    fabric: Fabric, dataset: Dataset, plan: Plan, seed: int, per_epoch: int, start: int
) -> DataLoader:
    """Micro-batches from step `start` (0 = the first) to the end of the last epoch."""
    schedule = plan.schedule
    micro = schedule.batch // schedule.accumulate

    def micro_batches() -> Iterator[list[tuple[int, int]]]:
        for epoch in range(start // per_epoch + 1, plan.epochs + 1):
            keys = list(EpochSampler(len(dataset), seed, epoch))[: per_epoch * schedule.batch]
            done = max(0, start - (epoch - 1) * per_epoch) * schedule.batch
            for first in range(done, len(keys), micro):
                yield keys[first : first + micro]

    workers = runtime.workers()
    return fabric.setup_dataloaders(
        DataLoader(
            dataset,
            batch_sampler=MicroBatches(micro_batches),
            num_workers=workers,
            pin_memory=fabric.device.type == "cuda",
        ),
        use_distributed_sampler=False,
    )


class MicroBatches:
    """An iterable over key lists, as DataLoader wants its batch sampler."""

    def __init__(self, make: Any) -> None:
        self.make = make

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self.make()


class StopRequest:
    """Which signal asked to stop, 0 if none."""

    signal = 0

    def __call__(self, number: int, _frame: object) -> None:
        self.signal = number


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """While inside, SIGTERM and SIGINT are noted instead of killing a half-done step."""
    request = StopRequest()
    before = {s: signal.signal(s, request) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
