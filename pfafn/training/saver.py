"""Write resume points beside the training, which waits only for a copy of its state."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pfafn.training import resume
from pfafn.training.resume import ResumePoint
from pfafn.weights.digest import Tensors


class Saver:
    """Saves into a folder, one point at a time; use as a context manager, which waits at its end.

    What goes wrong while writing is raised by the next call. The copy's memory, three times that of
    the weights, is kept for the next one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="resume-point")
        self.writing: Future[None] | None = None
        self.copies: Tensors = {}

    def __enter__(self) -> "Saver":
        return self

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
