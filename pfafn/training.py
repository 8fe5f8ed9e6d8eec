"""The one training loop: any objective, any schedule, resumed exactly where it was stopped."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from pfafn import checkpoint, runtime
from pfafn.batches import loading
from pfafn.checkpoint import Clock, ResumePoint
from pfafn.collapse import Alarm
from pfafn.curve import Curve
from pfafn.data.dataset import EpochSampler
from pfafn.errors import UserError
from pfafn.estimate import Pace
from pfafn.guards import NotFinite, check_finite, check_gradients, diverged, record
from pfafn.objectives import Objective
from pfafn.params import Optimizer, Schedule
from pfafn.progress import Progress
from pfafn.saver import Saver
from pfafn.signals import Stopped, stop_signals

ROWS = 200  # of a loss curve, at most


class TooFewSamples(UserError, ValueError):
    """A batch is larger than the data set; the message names both."""


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

    def rate(self, done: float) -> float:
        """Factor on every learning rate after `done` epochs: flat, then linear towards zero.

        It falls with every step, so that a decay of two epochs is as smooth as one of fifty.
        """
        if done < self.schedule.epochs:
            return 1.0
        return (self.epochs - done) / self.schedule.decay

    def late(self, done: float) -> bool:
        """Whether the learning rate decays by now."""
        return done >= self.schedule.epochs

    def is_frozen(self, name: str, done: float) -> bool:
        return done < self.frozen_epochs and name.startswith(self.frozen or ("\0",))


class Trained(NamedTuple):
    """Outcome of `fit`."""

    history: list[dict[str, Any]]  # rows of the loss curve
    samples: int  # worked through in all
    seconds: float  # of training, over all tries
    saving: float  # seconds of them that this try waited for its resume points


def fit(
    objective: Objective,
    dataset: Dataset,
    plan: Plan,
    adam: Optimizer,
    *,
    seed: int,
    work: Path,
    name: str,
    on_pace: Callable[[float], object] | None = None,
) -> Trained:
    """Train objective.net on dataset by plan, in place.

    work: folder for resume points; one found there is continued, bit for bit on a CPU. name: shown
    in progress and errors. on_pace: told once, early, the seconds per sample. Raises TooFewSamples
    if a batch is larger than the data set, TrainingDiverged on a loss or gradient that is not
    finite, Stopped on a signal.
    """
    fabric = start_fabric()
    per_epoch = len(dataset) // plan.schedule.batch
    if not per_epoch:
        raise TooFewSamples(
            f"{name}.batch is {plan.schedule.batch}, but there are only {len(dataset)} samples"
        )
    found = checkpoint.read(work)
    point = found.point if found else ResumePoint(0, {}, 0.0)
    module = fabric.setup_module(objective.to(memory_format=torch.channels_last))
    trainer = Trainer(fabric, module, objective, plan, adam)
    # Of the last step done: the next one may start a phase, with a fresh Adam.
    trainer.enter(max(point.step - 1, 0) / per_epoch)
    if found:
        found.restore(objective.net, trainer.optimizer, trainer.names)
    del found

    total = per_epoch * plan.epochs
    every = math.ceil(total / ROWS)
    curve = Curve(**point.curve)
    alarm = Alarm(name, curve.rows)
    pace = Pace(plan.schedule.batch, on_pace)
    batches = iter(loader(fabric, dataset, plan, seed, per_epoch, point.step))
    clock = Clock(point.seconds, point.step)
    with (
        Progress(name, total, point.step) as progress,
        stop_signals() as stop,
        Saver(work) as saver,
    ):
        for step in range(point.step + 1, total + 1):
            done = (step - 1) / per_epoch
            trainer.enter(done)
            micro_batches = [next(batches) for _ in range(plan.schedule.accumulate)]
            try:
                terms = trainer.step(micro_batches, done)
            except NotFinite as error:
                kept = record(work, step, micro_batches, error)
                raise diverged(name, f"step {step} of {total}", error, kept) from error

            curve.add(terms)
            if step % every == 0 or step == total:
                curve.row(step, int(done) + 1, plan.rate(done))
                alarm.look(curve.rows)
            progress.advance(curve.last)
            pace.step()
            if clock.due(step) or stop.signal:
                began = time.monotonic()
                saver.save(trainer.state(), ResumePoint(step, curve.state(), clock.seconds()))
                clock.done(step, began)
            if stop.signal:
                saver.wait()
                raise Stopped(128 + stop.signal)
    return Trained(curve.rows, total * plan.schedule.batch, clock.seconds(), clock.saving)


class Trainer:
    """Module and optimizer of a phase, and one step of it."""

    def __init__(
        self, fabric: Fabric, module: nn.Module, objective: Objective, plan: Plan, adam: Optimizer
    ) -> None:
        self.fabric, self.module, self.objective = fabric, module, objective
        self.plan, self.adam = plan, adam
        self.names = {id(p): name for name, p in objective.net.named_parameters()}
        self.phase = ""
        self.optimizer: torch.optim.Optimizer | None = None

    def enter(self, done: float) -> None:
        """Set the rate after `done` epochs; at a phase's start, what trains and a new Adam."""
        phase = "frozen" if done < self.plan.frozen_epochs else "all"
        if phase != self.phase:
            self.phase = phase
            self.optimizer = self.fabric.setup_optimizers(self.new_optimizer(done))
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * self.plan.rate(done)

    def new_optimizer(self, done: float) -> torch.optim.Adam:
        groups = []
        for prefix, rate in self.plan.rates.items():
            chosen = []
            for name, parameter in self.objective.net.named_parameters():
                if name.startswith(f"{prefix}."):
                    parameter.requires_grad_(not self.plan.is_frozen(name, done))
                    chosen += [parameter] if parameter.requires_grad else []
            groups.append({"params": chosen, "lr": rate, "base": rate})
        return torch.optim.Adam(groups, betas=(self.adam.beta1, self.adam.beta2), fused=True)

    def step(self, micro_batches: list[dict[str, Tensor]], done: float) -> dict[str, Tensor]:
        """One optimizer step over the accumulated micro-batches; mean of the loss terms."""
        self.module.train()
        self.optimizer.zero_grad()
        summed: dict[str, Tensor] = {}
        for batch in micro_batches:
            terms = self.module(batch, late=self.plan.late(done))
            check_finite(terms)
            self.fabric.backward(terms["total"] / len(micro_batches))
            for key, value in terms.items():
                summed[key] = summed.get(key, 0) + value.detach() / len(micro_batches)
        check_gradients(self.optimizer, self.names, summed)
        self.optimizer.step()
        return summed

    def state(self) -> dict[str, Tensor]:
        """Copies of all that the next step depends on."""
        return checkpoint.snapshot(self.objective.net, self.optimizer, self.names)


def start_fabric() -> Fabric:
    """Fabric for this machine, seeded algorithms where the device has them."""
    on = runtime.device()
    if on.type == "cpu":
        torch.use_deterministic_algorithms(True)
        # This would write every new tensor twice, to show reads of memory that nothing has set.
        torch.utils.deterministic.fill_uninitialized_memory = False
    return Fabric(
        accelerator=on.type,
        devices=1 if on.type == "cpu" or on.index is None else [on.index],
        precision="bf16-mixed" if runtime.precision(on) == torch.bfloat16 else "32-true",
    )


def loader(
    fabric: Fabric, dataset: Dataset, plan: Plan, seed: int, per_epoch: int, start: int
) -> DataLoader:
    """Micro-batches from step `start` (0 = the first) to the end of the last epoch."""
    return fabric.setup_dataloaders(
        DataLoader(
            dataset,
            batch_sampler=MicroBatches(len(dataset), plan, seed, per_epoch, start),
            **loading(fabric.device),
            # It draws a number when it starts; from torch's own generator it would be one more
            # after each resume.
            generator=torch.Generator().manual_seed(seed),
        ),
        use_distributed_sampler=False,
    )


class MicroBatches(Sampler[list[tuple[int, int]]]):
    """Lists of (epoch, index) keys: each epoch all samples in a seeded order, in whole batches."""

    def __init__(self, samples: int, plan: Plan, seed: int, per_epoch: int, start: int) -> None:
        self.samples, self.plan, self.seed = samples, plan, seed
        self.per_epoch, self.start = per_epoch, start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        batch = self.plan.schedule.batch
        micro = batch // self.plan.schedule.accumulate
        for epoch in range(self.start // self.per_epoch + 1, self.plan.epochs + 1):
            keys = list(EpochSampler(self.samples, self.seed, epoch))[: self.per_epoch * batch]
            done = max(0, self.start - (epoch - 1) * self.per_epoch) * batch
            for first in range(done, len(keys), micro):
                yield keys[first : first + micro]
