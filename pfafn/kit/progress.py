"""Progress of long work: a bar with an ETA on a terminal, a line now and then elsewhere."""

import sys
import time
from datetime import timedelta

from rich import progress as rich_progress
from rich.console import Console

LINE_EVERY = 30.0  # seconds between two plain lines


class Progress:
    """Counts steps from `start` to `total`; use as a context manager. quiet: shows nothing."""

    def __init__(
        self, name: str, total: int, start: int = 0, unit: str = "steps", quiet: bool = False
    ) -> None:
        self.name, self.total, self.unit = name, total, unit
        self.say = (lambda _: None) if quiet else tell
        self.first = self.done = start
        self.began = self.said = time.monotonic()
        self.bar = None
        console = Console(stderr=True)
        if console.is_terminal and not quiet:
            self.bar = rich_progress.Progress(
                rich_progress.TextColumn("{task.description}"), rich_progress.BarColumn(),
                rich_progress.MofNCompleteColumn(), rich_progress.TimeElapsedColumn(),
                rich_progress.TextColumn("ETA"), rich_progress.TimeRemainingColumn(),
                rich_progress.TextColumn("{task.fields[loss]}"), console=console,
            )  # fmt: skip
            self.task = self.bar.add_task(name, total=total, completed=start, loss="")

    def __enter__(self) -> "Progress":
        if self.bar:
            self.bar.start()
        elif self.first:
            self.say(f"{self.name}: resumed at {self.first}/{self.total} {self.unit}")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.bar:
            self.bar.stop()
        elif kind is None:
            self.line(None)

    def advance(self, loss: float | None = None, steps: int = 1) -> None:
        """Count `steps` more; loss is shown if given."""
        self.done += steps
        if self.bar:
            shown = "" if loss is None else f"loss {loss:.4g}"
            self.bar.update(self.task, advance=steps, loss=shown)
        elif time.monotonic() - self.said > LINE_EVERY:
            self.said = time.monotonic()
            self.line(loss)

    def line(self, loss: float | None) -> None:
        """One plain line: done, speed, time left."""
        elapsed = time.monotonic() - self.began
        speed = (self.done - self.first) / elapsed if elapsed else 0.0
        left = timedelta(seconds=round((self.total - self.done) / speed)) if speed else "unknown"
        shown = "" if loss is None else f", loss {loss:.4g}"
        self.say(
            f"{self.name}: {self.done}/{self.total} {self.unit}{shown}, "
            f"{speed:.2f} {self.unit}/s, ETA {left}"
        )


def tell(text: str) -> None:
    """Say something beside the results, which go to standard output; the only place that prints."""
    print(text, file=sys.stderr, flush=True)
