"""What is told of try-ons while they are done: of their photos, and one line of JSON each."""

import json
import time
from pathlib import Path
from typing import Any

from pfafn.doctor.findings import Finding
from pfafn.inference.folders import Job


class Account:
    """Takes what is found of photos, and tells of each job what is known when it is done."""

    def __init__(self) -> None:
        self.findings: dict[Path, dict[Finding, None]] = {}
        self.told = time.monotonic()

    def note(self, path: Path, finding: Finding) -> None:
        """What is to be known of a photo; once, however often it is said."""
        self.findings.setdefault(path, {})[finding] = None

    def all(self) -> list[str]:
        """All findings as sentences, each with its file."""
        return [f"{path}: {one.said()}" for path, found in self.findings.items() for one in found]

    def of(self, job: Job) -> dict[str, Any]:
        """The files of a job, mask None: none was given; and its photos' warnings, with files."""
        photos = dict.fromkeys((job.person, job.garment))
        return {name: path and str(path) for name, path in job._asdict().items()} | {
            "warnings": [
                {"file": str(path), **finding.as_json()}
                for path in photos
                for finding in self.findings.get(path, ())
            ]
        }

    def line(self, job: Job, error: str | None) -> str:
        """One JSON object: as of `of`, seconds since the last line, and the error or None.

        Of a job that failed `out` is None.
        """
        since, self.told = self.told, time.monotonic()
        told = self.of(job) | {"seconds": round(self.told - since, 3), "error": error}
        return json.dumps(told | ({"out": None} if error else {}), sort_keys=True)
