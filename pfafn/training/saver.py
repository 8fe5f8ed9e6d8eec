"""When resume points are taken, and how: beside the training, which waits only for a copy."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pfafn.kit import machine
from pfafn.training import resume
from pfafn.training.resume import ResumePoint
from pfafn.weights.content import Tensors


class Saver(AbstractContextManager):
    """Saves into a folder, one point at a time; use as a context manager, which waits at its end.

    What goes wrong while writing is raised by the next call. The copy's memory, three times that of
    the weights, is kept for the next one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="resume-point")
        self.writing: Future[None] | None = None
        self.copies: Tensors = {}

    def save(self, tensors: Tensors, point: ResumePoint) -> None:
        """Copy the tensors and begin to write; waits for the point before."""
        self.wait()
        self.copies = resume.copied(tensors, self.copies)
        self.writing = self.pool.submit(resume.save, self.folder, self.copies, point)

    def wait(self) -> None:
        """Until all is written; raises what went wrong."""
        if self.writing is not None:
            writing, self.writing = self.writing, None
            writing.result()

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self.pool.shutdown(wait=True)
        if kind is None:
            self.wait()


class Clock:
    """Training seconds over all tries, and when the next resume point is due."""

    def __init__(self, before: float, step: int) -> None:
        self.before = before
        self.started = self.saved = self.last = time.monotonic()
        self.saved_step = step
        self.waited = 0.0  # seconds, for resume points

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def due(self, step: int) -> bool:
        """Whether to save after this step.

        By time: if another step as long as this one would end later than the interval allows.
        """
        now = time.monotonic()
        self.last, took = now, now - self.last
        every = machine.count("PFAFN_CHECKPOINT_STEPS", 0)  # by time alone
        by_step = bool(every) and step - self.saved_step >= every
        limit = machine.count("PFAFN_CHECKPOINT_SECONDS", 60)
        return by_step or now - self.saved + took >= limit

    @contextmanager
    def saving(self, step: int) -> Iterator[None]:
        """Take a resume point of `step` inside, for which the training waits."""
        began = time.monotonic()
        yield
        self.last = self.saved = time.monotonic()
        self.saved_step = step
        self.waited += self.last - began
