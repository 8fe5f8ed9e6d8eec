"""`pfafn serve` in a process of its own, and how it is asked."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

BOUNDARY = "pfafn-benchmark"


def body(person: bytes, garment: bytes) -> bytes:
    """A form with both."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        .encode() + content + b"\r\n"
        for name, content in (("person_image", person), ("garment_image", garment))
    ]  # fmt: skip
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(url: str, content: bytes) -> tuple[int, dict[str, Any]]:
    """Code and answer; code 0 if there was none."""
    media = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    try:
        request = urllib.request.Request(url, content, media)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError as error:
        return 0, {"message": str(error)}


class Server:
    """`pfafn serve` in a process of its own."""

    def __init__(self, model: str | Path, *options: str) -> None:
        log = tempfile.NamedTemporaryFile("w+", suffix=".log", delete=False)  # noqa: SIM115
        self.log = Path(log.name)
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pfafn", "serve", "--model", str(model), "--port", "0",
             "--watch", "0.5", *options],
            stderr=log, start_new_session=True,
        )  # fmt: skip
        while "http://" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() - began > 120:
                raise RuntimeError(f"the server did not start: {self.log.read_text()}")
            time.sleep(0.02)
        self.url = self.log.read_text().partition(" at ")[2].partition(",")[0]
        while self.get("/v2/health/ready")[0] != 200:
            time.sleep(0.02)
        self.ready = time.monotonic() - began

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, None

    @property
    def working(self) -> float:
        """Seconds of a core that it has taken."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    @property
    def megabytes(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 2**20


@contextmanager
def served(model: str | Path, *options: str) -> Iterator[Server]:
    server = Server(model, *options)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(60)
        server.log.unlink()
