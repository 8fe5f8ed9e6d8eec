"""What a training and the stages after it will cost, told early by the pace of its first steps."""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from pfafn.params.file import Params

TELL_AFTER = 15.0  # seconds of training
# Seconds per image of the published networks on one machine; only their ratios count here.
# Trainings: one step. fakes: one tutor try-on. evaluate: tutor and student, paired and unpaired.
COST = {
    "tutor_warp": 3.45,
    "tutor_tryon": 5.34,
    "fakes": 0.9,
    "student_warp": 4.61,
    "student_tryon": 6.70,
    "evaluate": 3.5,
}


class Pace:
    """Tells once, early in a training, how long a sample takes."""

    def __init__(self, batch: int, tell: Callable[[float], object] | None) -> None:
        self.batch, self.tell = batch, tell
        self.steps = 0

    def step(self, *_: object) -> None:
        """A step is done. The first is slower than the others, and does not count."""
        if self.steps == 0:
            self.began = time.monotonic()
        self.steps += 1
        took = time.monotonic() - self.began
        if self.tell and self.steps > 1 and took > TELL_AFTER:
            tell, self.tell = self.tell, None
            tell(took / (self.steps - 1) / self.batch)


def images(params: Params, persons: Mapping[str, int]) -> dict[str, int]:
    """How many images each stage works through. persons: by split."""
    counts = {}
    for stage in COST:
        if stage == "evaluate":
            counts[stage] = persons["test"]
        elif stage == "fakes":
            counts[stage] = persons["train"] * params.fakes.per_person
        else:
            schedule = getattr(params, stage)
            per_epoch = persons["train"] // schedule.batch * schedule.batch
            counts[stage] = per_epoch * (schedule.epochs + schedule.decay)
    return counts


def seconds(
    params: Params, persons: Mapping[str, int], stage: str, pace: float
) -> dict[str, float]:
    """Seconds of `stage` and of each stage after it, where an image of `stage` takes `pace`."""
    order = list(COST)
    counts = images(params, persons)
    return {
        name: counts[name] * pace * COST[name] / COST[stage] for name in order[order.index(stage) :]
    }


def sentence(found: Mapping[str, float]) -> str:
    """The estimate in words; the first stage is the one that runs."""
    (stage, own), *rest = found.items()
    text = f"{stage}: about {clock(own)} in all on this machine"
    if rest:
        parts = ", ".join(f"{name} {clock(cost)}" for name, cost in rest)
        text += f"; the stages after it about {clock(sum(cost for _, cost in rest))} ({parts})"
    return text


def clock(duration: float) -> str:
    return str(timedelta(seconds=round(duration)))
