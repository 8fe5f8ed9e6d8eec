"""What is measured in processes of its own; several variants take turns.

How the C library keeps memory belongs to what is compared, and a process has but one way of it.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.timing import seconds

Makers = Mapping[str, Callable[[], AbstractContextManager[Callable[[], Any]]]]

WARM_UP = 2  # calls: the heap still grows in the second one


def printed(module: str, *given: object, **environment: str) -> list[float]:
    """The numbers that a module prints when it is run as a program."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, given)], env=os.environ | environment,
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return [float(number) for number in done.stdout.split()]


class Turn(NamedTuple):
    """What one call gave, and how long it took."""

    result: Any
    seconds: float


def in_turns(makers: Makers, rounds: int, device: torch.device) -> dict[str, list[Turn]]:
    """Rounds that call what each maker gives in its process, after calls that are not counted.

    The makers must be what pickle can carry: a module's functions, or partials of them.
    """
    with processes(makers, device) as pipes:
        turns: dict[str, list[Turn]] = {name: [] for name in makers}
        for _ in range(WARM_UP + rounds):
            for name, pipe in pipes.items():
                pipe.send("your turn")
                turns[name].append(pipe.recv())
    return {name: each[WARM_UP:] for name, each in turns.items()}


def here(
    maker: Callable[[], AbstractContextManager[Callable[[], Any]]],
    rounds: int,
    device: torch.device,
) -> list[Turn]:
    """The same of one maker in this process, for a GPU, where no heap is compared.

    There a process of its own would load torch and all kernels once more.
    """
    with maker() as work:
        return [timed(work, device) for _ in range(WARM_UP + rounds)][WARM_UP:]


def timed(work: Callable[[], Any], device: torch.device) -> Turn:
    found: list[Any] = []
    took = seconds(lambda: found.append(work()), device)
    return Turn(found[0], took)


@contextmanager
def processes(makers: Makers, device: torch.device) -> Iterator[dict[str, Connection]]:
    """A process for each maker, with as many threads as this one has."""
    context = multiprocessing.get_context("spawn")
    pipes, started = {}, []
    try:
        for name, maker in makers.items():
            pipes[name], theirs = context.Pipe()
            given = theirs, maker, device, torch.get_num_threads()
            started.append(context.Process(target=serve, args=given, daemon=True))
            started[-1].start()
            theirs.close()  # so that the end of the process is the end of what comes from it
        yield pipes
    finally:
        for pipe in pipes.values():
            pipe.close()
        for process in started:
            process.terminate()  # a step of minutes is of no use to anybody now
            process.join()


def serve(
    pipe: Connection,
    maker: Callable[[], AbstractContextManager[Callable[[], Any]]],
    device: torch.device,
    threads: int,
) -> None:
    """In the process: call what the maker gives, whenever it is its turn."""
    torch.set_num_threads(threads)
    with maker() as work, suppress(EOFError):
        while pipe.recv():
            pipe.send(timed(work, device))
