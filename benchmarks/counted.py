"""The processor seconds of prepare or annotate, as JSON: see `benchmarks.cores`.

    python -m benchmarks.counted STAGE DATA ARTIFACTS

By itself it loads no more than a stage does, as its workers load the same.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pfafn.params.file import Params
from pfafn.workers import crew, pool

PARAMS = Path(__file__).parents[1] / "params.yaml"


def children() -> tuple[float, float]:
    """Processor seconds of the processes that this one has started, and of theirs that ended."""
    lists = Path("/proc/self/task").glob("*/children")
    stats = (
        Path(f"/proc/{pid}/stat").read_text() for one in lists for pid in one.read_text().split()
    )
    ticks = [list(map(int, stat.rpartition(")")[2].split()[11:15])) for stat in stats]
    own, ended = (sum(sum(times[part]) for times in ticks) for part in (slice(2), slice(2, 4)))
    return own / os.sysconf("SC_CLK_TCK"), ended / os.sysconf("SC_CLK_TCK")


Counted = tuple[float, float, float, list[tuple[float, float]]]


def counted(run: Callable[..., Any], *given: Any) -> Counted:
    """Processor seconds: here, of the workers' server, here while that loads, of each task.

    Of a task: here and of the workers.
    """
    loading, tasks, spread, load = [], [], pool.spread, crew.load

    def loaded() -> None:
        load()
        loading.append(time.process_time())

    def watched(*given: Any) -> Iterator[Any]:
        here, before = time.process_time(), children()[1]
        if not tasks:
            loading.append(here)
        yield from spread(*given)
        tasks.append((time.process_time() - here, children()[1] - before))

    here, start = time.process_time(), children()[0]
    with (
        patch.multiple(pool, spread=watched, WORTH=1e-9),
        patch.object(crew, "load", loaded),
    ):
        run(*given)
    here, start = time.process_time() - here, children()[0] - start
    return here, start, loading[-1] - loading[0] if loading else 0.0, tasks


def main(stage: str, data: Path, made: Path) -> Counted:
    run = import_module(f"pfafn.stages.{stage}").run
    between = [made / "prepare"] if stage == "annotate" else []
    return counted(run, Params.load(PARAMS), data, *between, made / stage)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(Path, sys.argv[2:]))))
