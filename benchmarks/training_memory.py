"""Peak memory and seconds of one step of the last training stage, in a process of its own.

    python -m benchmarks.training_memory [--size H W] [--batch N]

with and without PFAFN_RECOMPUTE, in the precision of PFAFN_PRECISION.
"""

import argparse
import sys
import time

from benchmarks.apart import printed
from benchmarks.memory import most_used
from benchmarks.subject import Scale, batch
from benchmarks.training import Clocks, own_step
from pfafn.kit import heap, machine

STEPS = 3  # the last one is timed


def one(scale: Scale) -> tuple[float, float]:
    """MiB at most and seconds of a step, as this process is set."""
    device = machine.device()
    given = batch(scale.training_batch, scale.size)
    step = own_step(scale, given, machine.precision(device), Clocks(device))
    with heap.kept():
        for _ in range(STEPS):
            began = time.perf_counter()
            step()
    return most_used(device), time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(512, 384), metavar=("H", "W"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--here", action="store_true", help="in this process, as it is set")
    given = parser.parse_args()
    if given.here:
        print(*one(Scale(size=tuple(given.size), training_batch=given.batch)))
        return
    print("| | peak memory | seconds of a step |\n|---|---:|---:|")
    for setting, name in (("0", "all kept"), ("1", "computed again")):
        mib, seconds = printed(
            "benchmarks.training_memory", "--here", *sys.argv[1:], PFAFN_RECOMPUTE=setting
        )
        print(f"| {name} | {mib:.0f} MiB | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
