"""One step of a training: module, optimizer and schedule as they are by now."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from pfafn.fast.graph import Recorded
from pfafn.kit import machine
from pfafn.kit.joint import join_batch_norms, joint_terms
from pfafn.params.sections import Optimizer
from pfafn.training.health import NotFinite, Sentinel, check_finite, check_gradients
from pfafn.training.muon import Muon, grouped
from pfafn.training.recipe import Recipe


class Trainer:
    """Trains recipe.objective.net in place, step by step.

    per_epoch: steps of an epoch; done: steps of the whole training that are done.
    """

    def __init__(
        self, fabric: Fabric, recipe: Recipe, adam: Optimizer, per_epoch: int, done: int = 0
    ) -> None:
        self.fabric, self.recipe, self.adam = fabric, recipe, adam
        self.per_epoch, self.done = per_epoch, done
        self.objective = recipe.objective.to(memory_format=torch.channels_last)
        self.net = recipe.objective.net
        if fabric.world_size > 1:
            join_batch_norms(self.net, fabric.device.type)
        self.thaw = recipe.frozen_epochs * per_epoch
        self.begin()

    def begin(self) -> None:
        """Begin a phase: settle what learns from now on, with a new Adam."""
        # NOTE: the weights of a frozen part stand still, which is all that the published schedule
        # says; its batch norms go on with each batch. The tutor's do not: it is in eval mode.
        frozen = self.recipe.frozen if self.done < self.thaw else ()
        self.net.requires_grad_(True)
        for part in frozen:
            part.requires_grad_(False)
        # Wrapped anew: what several processes exchange is settled by what learns by now.
        self.module: Any = None
        self.module = self.fabric.setup_module(self.objective)
        groups = [
            {"params": [p for p in part.parameters() if p.requires_grad], "lr": r, "initial_lr": r}
            for part, r in self.recipe.rates
        ]
        groups = grouped(self.net, groups, self.adam.muon)
        on, fast = self.fabric.device, records(self.fabric)
        for group in groups if fast else ():  # what a recorded step reads anew is a tensor
            group["lr"] = torch.tensor(group["lr"], device=on)
        betas = self.adam.beta1, self.adam.beta2
        kind = Muon if self.adam.muon else torch.optim.Adam
        adam = kind(groups, betas=betas, fused=True, capturable=on.type == "cuda")
        self.schedule = LambdaLR(adam, self.rate, last_epoch=self.done - 1)
        self.optimizer = self.fabric.setup_optimizers(adam)
        self.sentinel = Sentinel(on, adam) if fast else None
        self.computed = Recorded(self.compute) if fast else self.compute
        self.last: Unsettled | None = None

    def rate(self, done: int) -> float:
        """Factor on every learning rate after `done` steps."""
        return self.recipe.rate(done / self.per_epoch)

    def step(self, micro_batches: list[Any]) -> dict[str, Tensor]:
        """One optimizer step over the accumulated micro-batches; mean of the loss terms.

        Raises NotFinite, before weights are changed, if a loss or a gradient is no number; on a
        GPU that does not wait for it one step later, or when it is asked to `settle`.
        """
        before, late = self.last, self.recipe.late(self.done / self.per_epoch)
        with located(self.done + 1, micro_batches):
            terms = self.computed(micro_batches, late=late)
        if self.sentinel:
            self.last = Unsettled(self.done + 1, micro_batches, late, terms, self.sentinel.heard())
        if before:
            self.check(before)
        self.schedule.step()
        self.done += 1
        if self.done == self.thaw:
            self.settle()
            self.begin()
        return terms

    def settle(self) -> None:
        """Wait until it is known that all steps were sound; NotFinite if one was not."""
        last, self.last = self.last, None
        if last:
            self.check(last)

    def check(self, unsettled: "Unsettled") -> None:
        if not unsettled.broken():
            return
        self.sentinel = None
        with located(unsettled.step, unsettled.batches):
            self.compute(unsettled.batches, unsettled.late)  # says what it was
            raise NotFinite(["a loss or a gradient"], unsettled.terms)

    def compute(self, micro_batches: list[Any], late: bool) -> dict[str, Tensor]:
        """`step` without the schedule; with a sentinel it waits for nothing."""
        self.module.train()
        self.optimizer.zero_grad()
        means: dict[str, Tensor] = {}
        for left, batch in zip(reversed(range(len(micro_batches))), micro_batches, strict=True):
            with self.fabric.no_backward_sync(self.module, enabled=left > 0):
                terms = self.module(batch, late=late)
                joint = joint_terms(terms)
                if not self.sentinel:
                    check_finite(joint)
                self.fabric.backward(terms["total"] / len(micro_batches))
            for key, value in joint.items():
                means[key] = means.get(key, 0) + value / len(micro_batches)
        if self.sentinel:
            self.sentinel.look(self.net, means["total"])
        else:
            check_gradients(self.net, means)
        self.optimizer.step()
        return means


def records(fabric: Fabric) -> bool:
    """Whether steps are recorded: on one GPU; several processes wait for each other."""
    return machine.records(fabric.device) and fabric.world_size == 1


class Unsettled(NamedTuple):
    """A step of which it is not known yet whether it was sound."""

    step: int
    batches: list[Any]
    late: bool
    terms: dict[str, Tensor]
    broken: Callable[[], bool]


@contextmanager
def located(step: int, micro_batches: list[Any]) -> Iterator[None]:
    """NotFinite from inside says at which step, and of which batches."""
    try:
        yield
    except NotFinite as error:
        error.step, error.batches = step, micro_batches
        raise
