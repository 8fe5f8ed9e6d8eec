"""The last training stage, the heaviest: one step, and where its time goes."""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.utilities import move_data_to_device
from torch import nn

from benchmarks.apart import Turn, in_turns
from benchmarks.rows import Row, rows
from benchmarks.subject import Scale, batch, network, precision
from benchmarks.variants import PLAIN, PRECISIONS, plain
from pfafn.fast.learn import quicken
from pfafn.fast.recompute import recompute
from pfafn.kit import heap, machine
from pfafn.learning.objective import rates
from pfafn.learning.student import StudentObjective
from pfafn.models.vgg import VGG19
from pfafn.params.file import Params
from pfafn.params.sections import TryOnStage
from pfafn.photos.tensors import to_device
from pfafn.samples.sample import StudentSample
from pfafn.training.processes import start_fabric
from pfafn.training.recipe import Recipe
from pfafn.training.trainer import Trainer

PAPER = Path(__file__).parents[1] / "profiles" / "paper.yaml"
LONG = 10**6  # steps of an epoch: more than are measured, so that each is as the first
PARTS = ("tutor", "warp", "generator", "perceptual", "other forward", "backward", "optimizer")


class Clocks:
    """Seconds of each part of the steps since the last `take`."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.spent: dict[str, float] = dict.fromkeys(PARTS, 0.0)

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def watch(self, module: nn.Module, part: str) -> None:
        """Count a module's forward passes as `part`, less what is watched inside them."""
        entered: list[tuple[float, float]] = []

        def enter(*_: Any) -> None:
            entered.append((sum(self.spent.values()), self.now()))

        def leave(*_: Any) -> None:
            self.add(part, *entered.pop())

        module.register_forward_pre_hook(enter)
        module.register_forward_hook(leave)

    def timed(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted as `part`."""

        def run(*given: Any, **named: Any) -> Any:
            entered = sum(self.spent.values()), self.now()
            result = work(*given, **named)
            self.add(part, *entered)
            return result

        return run

    def add(self, part: str, before: float, began: float) -> None:
        """Time since `began`, when all parts had taken `before` seconds."""
        inside = sum(self.spent.values()) - before
        self.spent[part] += self.now() - began - inside

    def take(self) -> dict[str, float]:
        spent, self.spent = self.spent, dict.fromkeys(PARTS, 0.0)
        return spent


def objective(widths: dict, form: Callable[[Any], Any] = copy.deepcopy) -> StudentObjective:
    """The last stage's, its networks in a form; VGG with drawn weights, which cost the same."""
    params = Params.load(PAPER)
    torch.manual_seed(0)
    nets = (form(network(role, widths)) for role in ("student", "tutor"))
    return StudentObjective(*nets, params.losses, VGG19(), params.student_tryon.warp_weight)


def observed(objective: StudentObjective, clocks: Clocks) -> None:
    clocks.watch(objective, "other forward")
    clocks.watch(objective.tutor.warp, "tutor")
    clocks.watch(objective.net.warp, "warp")
    clocks.watch(objective.net.generator, "generator")
    clocks.watch(objective.vgg, "perceptual")


@contextmanager
def plain_step(scale: Scale, device: torch.device) -> Iterator[Callable[[], dict[str, float]]]:
    """Forward, backward and a default Adam in float32, nothing else; gives seconds by part."""
    clocks = Clocks(device)
    made = objective(scale.widths, plain).to(device).train()
    observed(made, clocks)
    adam = torch.optim.Adam(made.net.parameters(), lr=1e-5, betas=(0.5, 0.999))
    given = batch(scale.training_batch, scale.size)
    own = move_data_to_device(given, device)
    step = clocks.timed("optimizer", adam.step)

    def run() -> dict[str, float]:
        adam.zero_grad()
        total = made(own)["total"]
        clocks.timed("backward", total.backward)()
        step()
        return clocks.take()

    yield run


@contextmanager
def loop_step(scale: Scale, dtype: torch.dtype) -> Iterator[Callable[[], dict[str, float]]]:
    """A step of the training loop itself, in the loop's memory; gives seconds by part."""
    clocks = Clocks(machine.device())
    given = batch(scale.training_batch, scale.size)
    step = own_step(scale, given, dtype, clocks)

    def run() -> dict[str, float]:
        step()
        return clocks.take()

    with heap.kept():
        yield run


def own_step(
    scale: Scale, given: StudentSample, dtype: torch.dtype, clocks: Clocks
) -> Callable[[], None]:
    """A step of the training loop itself, with whatever it does to be fast."""
    made = objective(scale.widths)
    quicken(made)
    if machine.count("PFAFN_RECOMPUTE", 0):
        recompute(made)
    trainer = set_up(made, scale, dtype)
    observed(made, clocks)
    trainer.fabric.backward = clocks.timed("backward", trainer.fabric.backward)
    trainer.optimizer.step = clocks.timed("optimizer", trainer.optimizer.step)
    own = to_device(given, trainer.fabric.device)
    return lambda: trainer.step([own])


def set_up(made: StudentObjective, scale: Scale, dtype: torch.dtype) -> Trainer:
    """The training loop's, before its first step."""
    with precision(dtype):
        machine.repeat()  # as the stages do
        fabric = start_fabric()
    params = Params.load(PAPER)
    schedule = TryOnStage.model_validate(
        params.tutor_tryon.model_dump() | {"batch": scale.training_batch}
    )
    recipe = Recipe(made, schedule, rates(made.net, schedule))
    return Trainer(fabric, recipe, params.optimizer, per_epoch=LONG)


def training(scale: Scale, device: torch.device) -> Iterator[Row]:
    """Seconds per image of the last stage, and of its parts; and as a whole in larger batches."""
    found, turns = whole(scale, device)
    yield from found
    for part in PARTS:
        of_part = {name: [turn.result[part] for turn in each] for name, each in turns.items()}
        section = "Last training stage, part by part, per image"
        yield from rows(section, part, of_part, per=scale.training_batch)
    for count in scale.larger_batches:
        yield from whole(scale._replace(training_batch=count), device)[0]


def whole(scale: Scale, device: torch.device) -> tuple[list[Row], dict[str, list[Turn]]]:
    """The step in one batch: its rows, and what was measured."""
    makers = {PLAIN: partial(plain_step, scale, device)}
    makers |= {name: partial(loop_step, scale, dtype) for dtype, name in PRECISIONS.items()}
    turns = in_turns(makers, scale.training_rounds, device)
    taken = {name: [turn.seconds for turn in each] for name, each in turns.items()}
    count = scale.training_batch
    case = f"{scale.size[0]}x{scale.size[1]}, batch {count}"
    return rows("Last training stage, per image", case, taken, per=count), turns
