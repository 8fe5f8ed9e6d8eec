"""How a server bears many people at once: requests per second, how long they wait, what it needs.

    python -m benchmarks.serving [--seconds 60] [--clients 50] [--visitors KIND] [--only PART]

Each client asks again as soon as it is answered, over HTTP on this machine, where it takes of it
what a client takes; `core s each` is what the server alone takes for a try-on. The same server is
measured with `--together 1`, each try-on by itself, and as it is. Visitors: `strip`, each tries
three garments of a shop at once; `shop`, each tries one; `strangers`, no two requests have a photo
in common. At the end the server is asked to stop in the middle of jobs, and told another model
under load: none that was accepted may be lost.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.server import Server, body, post, served
from benchmarks.subject import DRAWN, PUBLISHED, TINY, network, pictures
from pfafn.photos.images import encode_shown
from pfafn.weights import model_file

GARMENTS = 12  # of a shop
MARKS = (5, 15, 30, 60, 90, 120)  # seconds at which the server's memory is looked at
STRIP = 3  # garments that a visitor tries at once
VISITORS = ("strip", "shop", "strangers")
PARTS = ("alone", "together", "swapped", "stopped")


class Answered(NamedTuple):
    """One request: when it was answered, with what code, after how long."""

    code: int
    seconds: float
    model: str = ""


class Load(NamedTuple):
    """What came of so many clients in so many seconds."""

    answers: list[Answered]
    seconds: float
    megabytes: list[float]  # of the server: before, then after each of MARKS that was reached
    working: float  # seconds of a core that the server took

    def row(self, name: str) -> str:
        good = [answer.seconds for answer in self.answers if answer.code == 200]
        p50, p95, p99 = np.percentile(good, (50, 95, 99)) if good else (np.nan,) * 3
        codes = Counter(answer.code for answer in self.answers)
        others = ", ".join(f"{n} x {code}" for code, n in sorted(codes.items()) if code != 200)
        return (
            f"| {name} | {len(good) / self.seconds:.2f} "
            f"| {self.working / max(1, len(good)):.3f} | {p50:.2f} | {p95:.2f} | {p99:.2f} "
            f"| {others or 'none'} | {', '.join(f'{held:.0f}' for held in self.megabytes)} |"
        )


HEADER = (
    "| server | per second | core s each | p50, s | p95 | p99 | other answers "
    f"| MB before, then after {', '.join(map(str, MARKS))} s |\n"
    "|---|---:|---:|---:|---:|---:|---|---|"
)


@cache
def drawn(kind: str, number: int, size: tuple[int, int]) -> bytes:
    """A PNG of a drawn person or garment."""
    return encode_shown(getattr(pictures(number, size), kind), "PNG")


def photo(kind: str, number: int, size: tuple[int, int]) -> bytes:
    """The file of photo `number`; beyond the drawn ones, another file that looks like one."""
    return drawn(kind, number % DRAWN, size) + f"{kind} {number}".encode()


def load(server: Server, clients: int, seconds: float, visitors: str,
         size: tuple[int, int]) -> Load:  # fmt: skip
    """So many clients, each asking again as soon as it is answered."""
    answers: list[Answered] = []
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        rng, asked = np.random.default_rng(number), 0
        while time.monotonic() < end:
            person, garment = number // STRIP, int(rng.integers(GARMENTS))
            if visitors == "shop":
                person = number
            if visitors == "strangers":
                person = garment = 1000 * number + asked
            content = body(photo("person", person, size), photo("garment", garment, size))
            began = time.monotonic()
            code, told = post(f"{server.url}/v1/tryon", content)
            answers.append(Answered(code, time.monotonic() - began, told.get("model_version", "")))
            asked += 1
            if code != 200:
                time.sleep(0.5)

    post(f"{server.url}/v1/tryon", body(photo("person", 0, size), photo("garment", 0, size)))
    megabytes, worked, began = [server.megabytes], server.working, time.monotonic()

    def look() -> None:
        megabytes.append(server.megabytes)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    looks = [threading.Timer(mark, look) for mark in MARKS if mark <= seconds]
    for thread in threads + looks:
        thread.start()
    for thread in threads + looks:
        thread.join()
    return Load(answers, time.monotonic() - began, megabytes, server.working - worked)


def first(server: Server, size: tuple[int, int]) -> str:
    """How long the first try-on takes, and what of it is decoding and the network's usual time."""
    content = body(photo("person", 0, size), photo("garment", 0, size))
    began = time.monotonic()
    told = post(f"{server.url}/v1/tryon", content)[1]["milliseconds"]
    taken = 1000 * (time.monotonic() - began)
    later = [post(f"{server.url}/v1/tryon", content)[1]["milliseconds"] for _ in range(9)]
    usual = float(np.median([each["network"] for each in later]))
    return (
        f"first try-on {taken:.0f} ms, decoding {told['decode']:.0f} ms and the network's usual "
        f"{usual:.0f} ms: {taken / (told['decode'] + usual):.2f} times these"
    )


def stopped_in_the_middle(model: Path, jobs: int, size: tuple[int, int]) -> tuple[int, int]:
    """How many jobs were accepted before a SIGTERM, and how many of them were answered after it."""
    with served(model) as server:
        asked = [body(photo("person", n, size), photo("garment", n, size)) for n in range(jobs)]
        accepted = [post(f"{server.url}/v1/run", content)[1]["id"] for content in asked]
        server.process.send_signal(signal.SIGTERM)
        done = 0
        for job in accepted:
            while (told := server.get(f"/v1/status/{job}")[1]) and told["status"] not in (
                "completed", "failed",
            ):  # fmt: skip
                time.sleep(0.1)
            done += bool(told and told["status"] == "completed")
        server.process.wait(60)
        return len(accepted), done


def swapped_under_load(model: Path, clients: int, seconds: float, visitors: str,
                       size: tuple[int, int]) -> Load:  # fmt: skip
    """The load of a server whose model file is written anew in the middle."""
    with served(model) as server:

        def swap() -> None:
            again = model.with_suffix(".new")
            shutil.copyfile(model, again)
            again.replace(model)

        timer = threading.Timer(seconds / 3, swap)
        timer.start()
        return load(server, clients, seconds, visitors, size)


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.serving", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--visitors", choices=VISITORS, nargs="+", default=VISITORS)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, metavar="PART",
                        help=f"of {', '.join(PARTS)}")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=20, help="when it is asked to stop")
    parser.add_argument("--quick", action="store_true", help="a tiny network: does it all run?")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    asked = arguments(given)
    size, widths = ((64, 96), TINY) if asked.quick else ((256, 192), PUBLISHED)
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "student.safetensors"
        model_file.save(network("student", widths), model, {"image": list(size)})
        with served(model) as server:
            print(f"ready in {server.ready:.1f} s; {first(server, size)}\n\n{HEADER}", flush=True)
        for visitors in asked.visitors:
            for part, options in (("alone", ["--together", "1"]), ("together", [])):
                if part not in asked.only:
                    continue
                with served(model, *options) as server:
                    found = load(server, asked.clients, asked.seconds, visitors, size)
                lost += sum(answer.code not in (200, 429) for answer in found.answers)
                print(found.row(f"{visitors}, {part}"), flush=True)
        if "swapped" in asked.only:
            found = swapped_under_load(model, asked.clients, asked.seconds, asked.visitors[0], size)
            lost += sum(answer.code not in (200, 429) for answer in found.answers)
            print(found.row("another model comes"))
            print(f"\nmodels that answered: {len({a.model for a in found.answers if a.model})}")
        if "stopped" in asked.only:
            accepted, done = stopped_in_the_middle(model, asked.jobs, size)
            lost += accepted - done
            print(f"asked to stop with {accepted} jobs accepted: {done} answered")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
