"""A copy of this repository, to be used as its user does, and `pfafn ui` running in it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import psutil

ROOT = Path(__file__).parents[1]
STATE = ("DVC_", "MLFLOW_", "PREFECT", "PFAFN_")  # what would lead a tool out of the clone


def make(root: Path) -> Path:
    """Copy what git tracks to root, as its own repository with one commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "clone"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def environment() -> dict[str, str]:
    """Ours, without what would lead a tool to state outside the clone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(STATE)}
    return kept | {"DVC_NO_ANALYTICS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}


class Ui(NamedTuple):
    """A running `pfafn ui`: where its pages are, and what it has said."""

    process: subprocess.Popen[bytes]
    log: Path
    prefect: str
    mlflow: str

    def api(self, path: str, **body: Any) -> Any:
        """What Prefect's API answers; a POST if there is something to say.

        Asked again while its database is busy, as Prefect's own clients do.
        """
        request = urllib.request.Request(
            f"{self.prefect}/api/{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"},
        )

        def answer() -> list[Any]:
            try:
                with urllib.request.urlopen(request, timeout=60) as given:
                    return [json.load(given)]
            except HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                return []

        return eventually(answer, 60)[0]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=120)


@contextmanager
def ui(root: Path, *options: str) -> Iterator[Ui]:
    """`pfafn ui` in the clone, from the moment its pages answer; on ports of its own."""
    log = root / ".work/ui.out"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pfafn", "ui", *options],
            cwd=root,
            env=environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(lambda: "Ctrl-C" in log.read_text() or process.poll() is not None, 240)
        pages = dict(re.findall(r"^(Prefect|MLflow) +(http\S+)", log.read_text(), re.MULTILINE))
        assert len(pages) == 2, log.read_text()
        yield Ui(process, log, pages["Prefect"], pages["MLflow"].partition("/#")[0])
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=120)


def eventually(condition: Callable[[], Any], limit: float) -> Any:
    """What the condition gives, once that is something; fails after so many seconds."""
    end = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < end, f"not in {limit:.0f} s"
        time.sleep(0.3)
    return found


def processes(root: Path) -> list[psutil.Process]:
    """All that runs in a folder or below it."""
    found = []
    for process in psutil.process_iter():
        try:
            here = Path(process.cwd())
        except (psutil.Error, OSError):
            continue
        if here.is_relative_to(root) and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
