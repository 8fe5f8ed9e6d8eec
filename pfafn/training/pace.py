"""How long a sample takes, told once and early in a training."""

import time
from collections.abc import Callable

TELL_AFTER = 15.0  # seconds of training


class Pace:
    """Tells once, early in a training, how long a sample takes."""

    def __init__(self, batch: int, tell: Callable[[float], object] | None) -> None:
        self.batch, self.tell = batch, tell
        self.steps = 0
        self.began = time.monotonic()

    def step(self) -> None:
        """A step is done. The first is slower than the others, and does not count."""
        if self.steps == 0:
            self.began = time.monotonic()
        self.steps += 1
        took = time.monotonic() - self.began
        if self.tell and self.steps > 1 and took > TELL_AFTER:
            tell, self.tell = self.tell, None
            tell(took / (self.steps - 1) / self.batch)
