"""What is told of try-ons while they are done: notes of their photos, and one line of JSON each."""

import json
import time
from pathlib import Path

from pfafn.inference.folders import Job


class Account:
    """Takes the notes of photos, and tells of each job what is known when it is done."""

    def __init__(self) -> None:
        self.notes: dict[Path, dict[str, None]] = {}
        self.told = time.monotonic()

    def note(self, path: Path, text: str) -> None:
        """What of a photo is doubtful; once, however often it is said."""
        self.notes.setdefault(path, {})[text] = None

    def all(self) -> list[str]:
        """All notes, each with its file."""
        return [f"{path}: {text}" for path, texts in self.notes.items() for text in texts]

    def of(self, job: Job) -> dict[str, str | list[str] | None]:
        """The files of a job and the notes of its two photos; mask None: none was given."""
        noted = dict.fromkeys((job.person, job.garment))
        return {name: path and str(path) for name, path in job._asdict().items()} | {
            "notes": [f"{path}: {text}" for path in noted for text in self.notes.get(path, ())]
        }

    def line(self, job: Job, error: str | None) -> str:
        """One JSON object: as of `of`, seconds since the last line, and the error or None.

        Of a job that failed `out` is None.
        """
        since, self.told = self.told, time.monotonic()
        told = self.of(job) | {"seconds": round(self.told - since, 3), "error": error}
        return json.dumps(told | ({"out": None} if error else {}), sort_keys=True)
