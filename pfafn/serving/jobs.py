"""Jobs: what was accepted and is answered later. In memory alone, for a bounded time and number."""

import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from pfafn.serving.refusals import NotFound

STARTING, IN_QUEUE, PROCESSING = "starting", "in_queue", "processing"
COMPLETED, FAILED = "completed", "failed"
ENDED = (COMPLETED, FAILED)


@dataclass
class Job:
    """A request that was accepted, and its answer once there is one."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: str = STARTING
    answer: dict[str, Any] = field(default_factory=dict)
    files: list[tuple[str, bytes]] = field(default_factory=list)  # media type and bytes
    ended: float | None = None  # monotonic
    collected: bool = False  # whoever asked knows how it ended

    @property
    def size(self) -> int:
        """Bytes that it holds, about: a result may be there as a file and as base64."""
        return sum(len(content) for _, content in self.files) * 7 // 3

    def end(self, status: str, answer: dict[str, Any]) -> None:
        self.status, self.answer, self.ended = status, answer, time.monotonic()

    def as_json(self) -> dict[str, Any]:
        told = {"output": None, "error": None, "model_version": None, "warnings": [],
                "seconds": None, "milliseconds": None}  # fmt: skip
        return {"id": self.id, "status": self.status, **told, **self.answer}


class Jobs:
    """Jobs by their id; those that ended are dropped after `seconds`, or beyond `most` or bytes."""

    def __init__(self, most: int, seconds: float, most_bytes: int) -> None:
        self.most, self.seconds, self.most_bytes = most, seconds, most_bytes
        self.jobs: OrderedDict[str, Job] = OrderedDict()

    def __iter__(self):
        return iter(self.jobs.values())

    def keep(self, job: Job) -> None:
        self.drop_old()
        self.jobs[job.id] = job

    def get(self, name: str) -> Job:
        """Raises NotFound if there is no such job, or no longer."""
        self.drop_old()
        if name not in self.jobs:
            raise NotFound(
                f"there is no job {name[:40]!r}",
                f"results are kept for {self.seconds:.0f} s, and the last {self.most} of them: "
                "send the request again",
            )
        return self.jobs[name]

    def drop_old(self) -> None:
        """Forget what has ended too long ago, and the oldest of too many."""
        now = time.monotonic()
        over = [job for job in self if job.ended is not None]
        held = sum(job.size for job in over)
        for number, job in enumerate(over):
            old = now - job.ended > self.seconds
            if old or len(over) - number > self.most or held > self.most_bytes:
                held -= job.size
                del self.jobs[job.id]
