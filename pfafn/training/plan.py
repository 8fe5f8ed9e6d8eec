"""What a stage trains and how fast."""

from collections.abc import Mapping
from typing import NamedTuple

from pfafn.params.training import Schedule


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
