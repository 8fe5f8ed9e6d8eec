"""The one training loop: any recipe, resumed exactly where it was stopped."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lightning_fabric import Fabric
from torch.utils.data import Dataset

from pfafn.kit.errors import UserError
from pfafn.kit.progress import Progress
from pfafn.kit.signals import Stopped, stop_signals
from pfafn.params.sections import Optimizer, Schedule
from pfafn.samples.loading import LoaderLost, loader, read
from pfafn.training import resume
from pfafn.training.curve import Curve, Rows
from pfafn.training.health import on_record
from pfafn.training.processes import Dismissed, ProcessesError, agreed, start_fabric
from pfafn.training.recipe import Recipe
from pfafn.training.resume import ResumePoint
from pfafn.training.saver import Clock, Saver
from pfafn.training.trainer import Trainer


class TooFewSamples(UserError, ValueError):
    """A batch is larger than the data set; the message names both."""


class Trained(NamedTuple):
    """Outcome of `fit`."""

    history: Rows  # of the loss curve
    samples: int  # worked through in all
    seconds: float  # of training, over all tries
    saving: float  # seconds of them that this try waited for its resume points


def fit(
    recipe: Recipe,
    dataset: Dataset,
    adam: Optimizer,
    *,
    seed: int,
    work: Path,
    name: str,
    watchers: Sequence[Callable[[Rows], object]] = (),
    fabric: Fabric | None = None,
) -> Trained:
    """Train the recipe's network on dataset, in place.

    work: folder for resume points; one found there is continued, bit for bit on a CPU. name: shown
    in progress and errors. watchers: told the curve so far after each step. fabric: of all that
    train together, by default this process; the first alone writes and tells. Raises TooFewSamples,
    TrainingDiverged on a loss or gradient that is not finite, and, once the last whole step is
    saved, Stopped on a signal and LoaderLost if a loader process was killed.
    """
    fabric = fabric or start_fabric()
    first, schedule = fabric.is_global_zero, recipe.schedule
    per_epoch = steps_per_epoch(dataset, schedule, name)
    total = per_epoch * recipe.epochs
    trainer, point = resumed(fabric, recipe, adam, per_epoch, work)
    batches = read(loader(fabric, dataset, schedule, seed, point.step))
    curve, clock = Curve(per_epoch, total, **point.curve), Clock(point.seconds, point.step)
    progress = Progress(name, total, point.step, quiet=not first)
    recorded = on_record(fabric, work, name, total)
    with progress, stop_signals() as stop, recorded, Saver(work) as saver:
        for step in range(point.step + 1, total + 1):
            try:
                parts = [fabric.to_device(next(batches)) for _ in range(schedule.accumulate)]
            except LoaderLost:
                if first:
                    keep(step - 1, saver, trainer, curve, clock)
                raise
            terms = trainer.step(parts)
            curve.add(terms, step, trainer.rate(step - 1))
            progress.advance(curve.last)
            signal = agreed(fabric, stop.signal)
            if first:
                for watch in watchers:
                    watch(curve.rows)
                if clock.due(step) or signal:
                    keep(step, saver, trainer, curve, clock)
            if signal:
                saver.wait()
                fabric.barrier()
                raise Stopped(signal, f"step {step} of {total}") if first else Dismissed(0)
        trainer.settle()
    return Trained(curve.rows, total * schedule.batch, clock.seconds(), clock.waited)


def keep(step: int, saver: Saver, trainer: Trainer, curve: Curve, clock: Clock) -> None:
    """Take a resume point of this step, which was the last, unless there is one."""
    trainer.settle()
    if step > clock.saved_step:
        with clock.saving(step):
            now = ResumePoint(step, curve.state(), clock.seconds())
            saver.save(resume.state(trainer.net, trainer.optimizer), now)


def steps_per_epoch(dataset: Dataset, schedule: Schedule, name: str) -> int:
    """Whole batches in a data set; TooFewSamples, naming the stage, if there is none."""
    steps = len(dataset) // schedule.batch
    if not steps:
        raise TooFewSamples(
            f"{name}.batch is {schedule.batch}, but there are only {len(dataset)} samples"
        )
    return steps


def resumed(
    fabric: Fabric, recipe: Recipe, adam: Optimizer, per_epoch: int, work: Path
) -> tuple[Trainer, ResumePoint]:
    """The trainer as the last resume point in work has it, or a new one; and that point.

    Raises ProcessesError if another process does not find what the first one does.
    """
    with fabric.rank_zero_first():  # it sets damaged ones aside
        saved = resume.read(work)
    point = saved.point if saved else ResumePoint(0, {}, 0.0)
    if point.step != (common := fabric.broadcast(point.step)):
        raise ProcessesError(
            f"{work}: process {fabric.global_rank} finds step {point.step} there and the first "
            f"process step {common}: all machines need the project in a folder that they share"
        )
    trainer = Trainer(fabric, recipe, adam, per_epoch, point.step)
    if saved:
        saved.restore(trainer.net, trainer.optimizer)
    return trainer, point
