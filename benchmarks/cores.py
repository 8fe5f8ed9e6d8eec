"""How prepare and annotate scale with worker processes, by the processor seconds that they take.

    python -m benchmarks.cores [--data FOLDER] [--workers N ...]

Each number of workers does both stages anew, in processes of its own; there need not be a core for
each of them. From the processor seconds comes how long it takes where there is:

    serial + max(0, start-up - ahead) + sum over a stage's tasks of max(here, workers / N)

serial: of the process that runs the stage, while no worker works; here: of it meanwhile; start-up:
of the process that workers are forked from; ahead: what of serial is done while that loads. However
little there is to do, workers are started. The reference is the same stage without.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.rows import Row, markdown
from benchmarks.timing import Spread
from pfafn.studio.dataset import synthesise

STAGES = ("prepare", "annotate")
WORKERS = (2, 4, 8)


class Taken(NamedTuple):
    """Processor seconds of a stage."""

    here: float  # of the process that runs it, all of them
    start: float  # of the process that workers are forked from
    ahead: float  # here, while that loads
    tasks: list[tuple[float, float]]  # here and of the workers, while they work

    @property
    def workers(self) -> float:
        return sum(workers for _, workers in self.tasks)

    def wall(self, number: int) -> float:
        """Seconds that it takes where each of `number` workers has a core."""
        serial = self.here - sum(here for here, _ in self.tasks)
        start = max(0.0, self.start - self.ahead)
        return serial + start + sum(max(here, w / number) for here, w in self.tasks)


def apart(data: Path, number: int) -> dict[str, Taken]:
    """Both stages with so many workers, each in a process of its own."""
    with tempfile.TemporaryDirectory() as made:
        return {stage: taken(stage, data, Path(made) / "artifacts", number) for stage in STAGES}


def taken(stage: str, data: Path, made: Path, number: int) -> Taken:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.counted", stage, data, made],
        env=os.environ | {"PFAFN_WORKERS": str(number)},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return Taken(*json.loads(done.stdout))


def rows(found: dict[int, dict[str, Taken]]) -> Iterator[Row]:
    """A row for each stage and number of workers; that for one is the reference."""
    for stage in found[1]:
        alone = found[1][stage].here
        for number, stages in found.items():
            its = stages[stage]
            gain = alone / its.wall(number)
            parts = {"here": its.here, "ahead": its.ahead, "start-up": its.start}
            parts["workers"] = its.workers
            note = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in parts.items())
            cost, gained = Spread.of([its.wall(number)]), Spread.of([gain])
            said = f"{note}; {gain / number:.0%} of {number}"
            yield Row(stage, f"workers: {number}", "", "s", cost, gained, said)


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.cores", description=lines[0])
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="default: a studio's, drawn")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, metavar="N")
    asked = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as drawn:
        data = asked.data or Path(drawn) / "data"
        if not asked.data:
            synthesise(data, train=400, test=100, size=(256, 192))
        print(markdown(list(rows({n: apart(data, n) for n in (1, *asked.workers)}))))


if __name__ == "__main__":
    main()
