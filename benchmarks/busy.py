"""Training beside other programs: steps of the default `tutor_warp` per second.

    python -m benchmarks.busy [--seconds N] [--loops N ...]

alone and beside programs that each keep a core busy, with a thread for each core and as stages
choose (`pfafn.kit.threads`). Nothing else may run meanwhile.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmarks.apart import printed
from benchmarks.subject import batch
from benchmarks.training import LONG
from pfafn.fast.learn import quicken
from pfafn.kit import threads
from pfafn.learning.tutor import tutor_recipe
from pfafn.params.file import Params
from pfafn.photos.tensors import to_device
from pfafn.stages.entry import tuned
from pfafn.stages.train import new_network
from pfafn.training.processes import start_fabric
from pfafn.training.trainer import Trainer

WARM_UP = 10  # steps


def one(seconds: float) -> tuple[float, int]:
    """Steps per second in this process, set as a stage's, and its threads; data at hand."""
    params = Params.load()
    with threads.choosing(), tuned():
        count = threads.settle(lambda _: False)
        net = new_network(params, "tutor", "tutor_warp")
        recipe = tutor_recipe(net, params.losses, None, params.tutor_warp)
        quicken(recipe.objective)
        trainer = Trainer(start_fabric(), recipe, params.optimizer, LONG)
        own = to_device(batch(params.tutor_warp.batch, params.image.size), trainer.fabric.device)
        for _ in range(WARM_UP):
            trainer.step([own])
        began, steps = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            trainer.step([own])
            steps += 1
        return steps / (time.monotonic() - began), count


@contextmanager
def beside(loops: int) -> Iterator[None]:
    """Programs that compute for ever, each on a core."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for program in started:
            program.kill()
            program.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--loops", type=int, nargs="+", default=[0, 1, 2], metavar="N",
                        help="how many programs run beside it")  # fmt: skip
    parser.add_argument("--here", action="store_true", help="in this process, as it is set")
    given = parser.parse_args()
    if given.here:
        print(*one(given.seconds))
        return
    all_cores = str(torch.get_num_threads())
    os.environ.pop(threads.SETTING, None)
    print("| busy programs beside it | a thread for each core | as chosen | threads chosen |")
    print("|---|---:|---:|---:|")
    for loops in given.loops:
        found = []
        for setting in ({threads.SETTING: all_cores}, {}):
            with beside(loops):
                call = ("benchmarks.busy", "--here", "--seconds", given.seconds)
                found.append(printed(*call, **setting))
        (fixed, _), (chosen, count) = found
        print(f"| {loops} | {fixed:.1f} | {chosen:.1f} | {count:.0f} |", flush=True)


if __name__ == "__main__":
    main()
