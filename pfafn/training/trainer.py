"""One step of a training: module, optimizer and schedule as they are by now."""

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from pfafn.kit.joint import join_batch_norms, joint_terms
from pfafn.params.sections import Optimizer
from pfafn.training.health import check_finite, check_gradients
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
        adam = torch.optim.Adam(groups, betas=(self.adam.beta1, self.adam.beta2), fused=True)
        self.schedule = LambdaLR(adam, self.rate, last_epoch=self.done - 1)
        self.optimizer = self.fabric.setup_optimizers(adam)

    def rate(self, done: int) -> float:
        """Factor on every learning rate after `done` steps."""
        return self.recipe.rate(done / self.per_epoch)

    def step(self, micro_batches: list[Any]) -> dict[str, Tensor]:
        """One optimizer step over the accumulated micro-batches; mean of the loss terms.

        Raises NotFinite, before anything is changed, if a loss or a gradient is no number.
        """
        self.module.train()
        self.optimizer.zero_grad()
        late = self.recipe.late(self.done / self.per_epoch)
        means: dict[str, Tensor] = {}
        for left, batch in zip(reversed(range(len(micro_batches))), micro_batches, strict=True):
            with self.fabric.no_backward_sync(self.module, enabled=left > 0):
                terms = self.module(batch, late=late)
                joint = joint_terms(terms)
                check_finite(joint)
                self.fabric.backward(terms["total"] / len(micro_batches))
            for key, value in joint.items():
                means[key] = means.get(key, 0) + value / len(micro_batches)
        check_gradients(self.net, means)
        self.optimizer.step()
        self.schedule.step()
        self.done += 1
        if self.done == self.thaw:
            self.begin()
        return means
