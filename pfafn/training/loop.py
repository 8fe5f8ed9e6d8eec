"""The one training loop: any objective, any schedule, resumed exactly where it was stopped."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.data import Dataset

from pfafn.fast.recompute import recompute
from pfafn.kit import heap, machine
from pfafn.kit.errors import UserError
from pfafn.kit.joint import join_batch_norms, joint_terms
from pfafn.kit.progress import Progress
from pfafn.kit.signals import Stopped, stop_signals
from pfafn.learning.collapse import Alarm
from pfafn.learning.objectives import Objective
from pfafn.params.training import Optimizer
from pfafn.samples.loading import loader
from pfafn.training import resume
from pfafn.training.curve import Curve
from pfafn.training.health import (
    NotFinite,
    check_finite,
    check_gradients,
    diverged,
    items_of,
    record,
)
from pfafn.training.pace import Pace
from pfafn.training.plan import Plan
from pfafn.training.processes import Dismissed, ProcessesError, agreed, gathered, start_fabric
from pfafn.training.resume import Clock, ResumePoint, Saved
from pfafn.training.saver import Saver

ROWS = 200  # of a loss curve, at most


class TooFewSamples(UserError, ValueError):
    """A batch is larger than the data set; the message names both."""


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
    fabric: Fabric | None = None,
) -> Trained:
    """Train objective.net on dataset by plan, in place.

    work: folder for resume points; one found there is continued, bit for bit on a CPU. name: shown
    in progress and errors. on_pace: told once, early, the seconds per sample. fabric: of all
    processes that train together, by default this one alone; the first alone writes and tells.
    Raises TooFewSamples if a batch is larger than the data set, TrainingDiverged on a loss or
    gradient that is not finite, Stopped on a signal.
    """
    fabric = fabric or start_fabric()
    first = fabric.is_global_zero
    per_epoch = len(dataset) // plan.schedule.batch
    if not per_epoch:
        raise TooFewSamples(
            f"{name}.batch is {plan.schedule.batch}, but there are only {len(dataset)} samples"
        )
    found = resumed(fabric, work)
    point = found.point if found else ResumePoint(0, {}, 0.0)
    if machine.recompute():
        recompute(objective)
    trainer = Trainer(fabric, objective, plan, adam)
    # Of the last step done: the next one may start a phase, with a fresh Adam.
    trainer.enter(max(point.step - 1, 0) / per_epoch)
    if found:
        found.restore(objective.net, trainer.optimizer, trainer.names)
    del found

    total = per_epoch * plan.epochs
    every = math.ceil(total / ROWS)
    curve = Curve(**point.curve)
    alarm = Alarm(name, curve.rows)
    pace = Pace(plan.schedule.batch, on_pace if first else None)
    batches = iter(loader(fabric, dataset, plan.schedule, seed, point.step))
    clock = Clock(point.seconds, point.step)
    with (
        heap.kept(),
        Progress(name, total, point.step, quiet=not first) as progress,
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
                items = gathered(fabric, items_of(micro_batches))
                if not first:
                    raise Dismissed(0) from error
                kept = record(work, step, items, error)
                raise diverged(name, f"step {step} of {total}", error, kept) from error

            curve.add(terms)
            if step % every == 0 or step == total:
                curve.row(step, int(done) + 1, plan.rate(done))
                if first:
                    alarm.look(curve.rows)
            progress.advance(curve.last)
            pace.step()
            signal = agreed(fabric, stop.signal)
            if first and (clock.due(step) or signal):
                began = time.monotonic()
                saver.save(trainer.state(), ResumePoint(step, curve.state(), clock.seconds()))
                clock.done(step, began)
            if signal:
                saver.wait()
                fabric.barrier()
                raise Stopped(128 + signal) if first else Dismissed(0)
    return Trained(curve.rows, total * plan.schedule.batch, clock.seconds(), clock.saving)


def resumed(fabric: Fabric, work: Path) -> Saved | None:
    """The last resume point in work, the same in all processes.

    Raises ProcessesError if another process does not find what the first one does.
    """
    with fabric.rank_zero_first():  # it sets damaged ones aside
        found = resume.read(work)
    step = found.point.step if found else 0
    if step != (common := fabric.broadcast(step)):
        raise ProcessesError(
            f"{work}: process {fabric.global_rank} finds step {step} there and the first process "
            f"step {common}: all machines need the project in a folder that they share"
        )
    return found


class Trainer:
    """Module and optimizer of a phase, and one step of it."""

    def __init__(self, fabric: Fabric, objective: Objective, plan: Plan, adam: Optimizer) -> None:
        self.fabric, self.plan, self.adam = fabric, plan, adam
        self.objective = objective.to(memory_format=torch.channels_last)
        if fabric.world_size > 1:
            join_batch_norms(objective.net, fabric.device.type)
        self.names = {id(p): name for name, p in objective.net.named_parameters()}
        self.phase = ""
        self.module: Any = None
        self.optimizer: torch.optim.Optimizer | None = None

    def enter(self, done: float) -> None:
        """Set the rate after `done` epochs; at a phase's start, what trains and a new Adam."""
        phase = "frozen" if done < self.plan.frozen_epochs else "all"
        if phase != self.phase:
            self.phase = phase
            optimizer = self.new_optimizer(done)
            # Wrapped anew: what several processes exchange is settled by what learns by now.
            self.module = None
            self.module = self.fabric.setup_module(self.objective)
            self.optimizer = self.fabric.setup_optimizers(optimizer)
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
        for left, batch in zip(reversed(range(len(micro_batches))), micro_batches, strict=True):
            with self.fabric.no_backward_sync(self.module, enabled=left > 0):
                terms = self.module(batch, late=self.plan.late(done))
                joint = joint_terms(terms)
                check_finite(joint)
                self.fabric.backward(terms["total"] / len(micro_batches))
            for key, value in joint.items():
                summed[key] = summed.get(key, 0) + value / len(micro_batches)
        check_gradients(self.optimizer, self.names, summed)
        self.optimizer.step()
        return summed

    def state(self) -> dict[str, Tensor]:
        """All that the next step depends on, as it is now."""
        return resume.state(self.objective.net, self.optimizer, self.names)
