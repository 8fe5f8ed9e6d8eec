"""What a stage trains: a network by an objective, its parts at rates of their own."""

from typing import NamedTuple

from torch import nn

from pfafn.params.sections import Schedule


class Recipe(NamedTuple):
    """What a stage trains, and how fast.

    objective: has the network as `net`; forward(batch, late) -> scalars by name, "total" among
    them, which is minimised. rates: parts of the network with their learning rates. frozen: parts
    that stand still during the first `frozen_epochs` epochs, after which everything trains with a
    new Adam.
    """

    objective: nn.Module
    schedule: Schedule
    rates: tuple[tuple[nn.Module, float], ...]
    frozen: tuple[nn.Module, ...] = ()
    frozen_epochs: int = 0

    @property
    def epochs(self) -> int:
        return self.schedule.epochs + self.schedule.decay

    def rate(self, done: float) -> float:
        """Factor on every learning rate after `done` epochs: flat, then linear towards zero.

        It falls with every step, so that a decay of two epochs is as smooth as one of fifty.
        """
        if not self.late(done):
            return 1.0
        return (self.epochs - done) / max(self.schedule.decay, 1)

    def late(self, done: float) -> bool:
        """Whether the learning rate decays by now."""
        return done >= self.schedule.epochs
