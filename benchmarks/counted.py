"""The processor seconds of prepare or annotate, as JSON: see `benchmarks.cores`.

    python -m benchmarks.counted STAGE DATA ARTIFACTS

By itself it loads no more than a stage does, as its workers load the same.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pfafn.params.file import Params
from pfafn.stages import annotate, prepare
from pfafn.workers import pool

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


def counted(run: Callable[..., Any], *given: Any) -> tuple[float, float, list[tuple[float, float]]]:
    """Processor seconds: here, of the workers' server, and [(here, workers)] of each task."""
    tasks, spread = [], pool.spread

    def watched(*given: Any) -> Iterator[Any]:
        here, before = time.process_time(), children()[1]
        yield from spread(*given)
        tasks.append((time.process_time() - here, children()[1] - before))

    here, start = time.process_time(), children()[0]
    with patch.multiple(pool, spread=watched, WORTH=1e-9):
        run(*given)
    return time.process_time() - here, children()[0] - start, tasks


def main(stage: str, data: Path, made: Path) -> tuple[float, float, list[tuple[float, float]]]:
    params, prepared = Params.load(PARAMS), made / "prepare"
    if stage == "prepare":
        return counted(prepare.run, params, data, prepared)
    return counted(annotate.run, params, data, prepared, made / "annotate")


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(Path, sys.argv[2:]))))
