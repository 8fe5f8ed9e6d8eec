"""Training beside other programs: steps of the default `tutor_warp` per second.

    python -m benchmarks.busy [--seconds N] [--loops N ...] [--later N ...]

alone and beside programs that each keep a core busy, with a thread for each core and as stages
choose (`pfafn.kit.threads`); beside those that come later, once the stage has looked again. Nothing
else may run meanwhile.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def one(seconds: float, later: int) -> tuple[float, int]:
    """Steps per second in this process, set as a stage's, and its threads; data at hand.

    later: programs that come once it computes; measured is what follows the next look at them.
    """
    params = Params.load()
    with threads.choosing(), tuned():
        threads.settle(lambda _: False)
        net = new_network(params, "tutor", "tutor_warp")
        recipe = tutor_recipe(net, params.losses, None, params.tutor_warp)
        quicken(recipe.objective)
        trainer = Trainer(start_fabric(), recipe, params.optimizer, LONG)
        own = to_device(batch(params.tutor_warp.batch, params.image.size), trainer.fabric.device)
        for _ in range(WARM_UP):
            trainer.step([own])
        with tempfile.TemporaryDirectory() as noted, beside(later):
            watch = threads.Watch(Path(noted))

            def speed(lasting: float) -> float:
                began, steps = time.monotonic(), 0
                while time.monotonic() < began + lasting:
                    trainer.step([own])
                    watch.look()
                    steps += 1
                return steps / (time.monotonic() - began)

            if later:
                speed(threads.EVERY + 1)
            return speed(seconds), torch.get_num_threads()


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
    parser.add_argument("--loops", type=int, nargs="*", default=[0, 1, 2], metavar="N",
                        help="how many programs run beside it")  # fmt: skip
    parser.add_argument("--later", type=int, nargs="*", default=[1, 2], metavar="N",
                        help="how many come while it computes")  # fmt: skip
    parser.add_argument("--here", type=int, metavar="LATER", help="in this process, as it is set")
    given = parser.parse_args()
    if given.here is not None:
        print(*one(given.seconds, given.here))
        return
    all_cores = str(torch.get_num_threads())
    os.environ.pop(threads.SETTING, None)
    print("| busy programs beside it | a thread for each core | as chosen | threads chosen |")
    print("|---|---:|---:|---:|")
    cases = [(loops, 0) for loops in given.loops] + [(0, later) for later in given.later]
    for loops, later in cases:
        found = []
        for setting in ({threads.SETTING: all_cores}, {}):
            with beside(loops):
                call = ("benchmarks.busy", "--seconds", given.seconds, "--here", later)
                found.append(printed(*call, **setting))
        (fixed, _), (chosen, count) = found
        name = f"{later}, later" if later else loops
        print(f"| {name} | {fixed:.1f} | {chosen:.1f} | {count:.0f} |", flush=True)


if __name__ == "__main__":
    main()
