"""The published schedule: what a sample costs in each of its stages, and the hours of all of them.

A sample of a training is one of the loop's own steps, data at hand; reading is measured elsewhere
(`benchmarks.data_path`). Its perceptual network has drawn weights, which cost the same.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from benchmarks.apart import Turn, here, in_turns
from benchmarks.memory import most_used
from benchmarks.rows import Row, rows
from benchmarks.subject import Scale, batch, network
from benchmarks.timing import Spread
from benchmarks.training import LONG, PAPER
from benchmarks.variants import PRECISIONS
from pfafn.fast.deploy import deploy
from pfafn.fast.graph import recorded
from pfafn.fast.learn import compile_parts, quicken
from pfafn.fast.recompute import recompute
from pfafn.kit import heap, machine
from pfafn.learning.fakes import dressed
from pfafn.learning.student import student_recipe
from pfafn.learning.tutor import tutor_recipe
from pfafn.models.inputs import Garment, Wearer
from pfafn.models.vgg import VGG19
from pfafn.params.file import Params
from pfafn.photos.tensors import to_device
from pfafn.samples.sample import UnpairedSample
from pfafn.training.pace import images
from pfafn.training.processes import start_fabric
from pfafn.training.recipe import Recipe
from pfafn.training.trainer import Trainer

VITON = {"train": 14221, "test": 2032}  # pairs
TRAININGS = ("tutor_warp", "tutor_tryon", "student_warp", "student_tryon")
FAKES = "fakes"
SECTION = "Published schedule"


class Phase(NamedTuple):
    """Epochs of a stage in which every step costs the same, or all the fakes."""

    stage: str
    epoch: int  # the first of them
    samples: int  # worked through in all
    batch: int  # samples of a step

    @property
    def name(self) -> str:
        return f"{self.stage} from epoch {self.epoch + 1}" if self.epoch else self.stage


class Found(NamedTuple):
    """What a phase needs."""

    operations: int  # FLOP of a step, two per product
    memory: float  # MiB at most until now


def phases(params: Params) -> list[Phase]:
    """What a whole run on VITON works through, in its order."""
    found = []
    for stage, samples in images(params, VITON).items():
        own = getattr(params, stage)
        if stage == FAKES:
            found.append(Phase(stage, 0, samples, own.batch))
        elif stage in TRAININGS:
            epochs, frozen = own.epochs + own.decay, getattr(own, "frozen_epochs", 0)
            for first, last in ((0, frozen), (frozen, epochs)):
                if first < last:
                    part = samples * (last - first) // epochs
                    found.append(Phase(stage, first, part, own.batch))
    return found


def prepared(params: Params, stage: str, widths: dict) -> Recipe:
    """What the stage of that name trains, as it does."""
    torch.manual_seed(0)
    schedule, (role, kind) = getattr(params, stage), stage.split("_")
    net, tutor = network(role, widths), network("tutor", widths)
    if kind == "warp":
        net.generator = None
    if role == "tutor":
        return tutor_recipe(net, params.losses, VGG19(), schedule)
    return student_recipe(net, tutor, params.losses, VGG19(), schedule)


def step(phase: Phase, scale: Scale) -> Callable[[], object]:
    """A step of the training loop itself, in the device's precision."""
    params = Params.load(PAPER)
    recipe = prepared(params, phase.stage, scale.widths)
    quicken(recipe.objective)
    if machine.count("PFAFN_RECOMPUTE", 0):
        recompute(recipe.objective)
    if machine.compiles(phase.samples // phase.batch):
        compile_parts(recipe.objective)
    machine.repeat()  # as the stages do
    trainer = Trainer(start_fabric(), recipe, params.optimizer, LONG, phase.epoch * LONG)
    own = to_device(batch(phase.batch, scale.size), trainer.fabric.device)
    return lambda: trainer.step([own])


def dressing(phase: Phase, scale: Scale) -> Callable[[], object]:
    """A batch of fakes, up to their pixels; each person is given the next one's garment."""
    device = machine.device()
    tutor = deploy(network("tutor", scale.widths), device, machine.precision(device))
    given = batch(phase.batch, scale.size)
    other = Garment(*(part.roll(1, dims=0) for part in given.garment))
    wearer = Wearer(*given.annotation[:2])
    unpaired = UnpairedSample(*given[:3], other, given.item.roll(1), wearer)
    dress = recorded(partial(dressed, tutor, Params.load(PAPER).fakes), device)
    return lambda: dress(to_device(unpaired, device))


def packed_flops(x: list[int], weight: list[int], *_: object, out_shape: list[int]) -> int:
    """Of a convolution of `pfafn.fast.packed`, which the counter does not know."""
    return conv_flop_count(x, weight, out_shape)


def doubling_flops(x: list[int], weight: list[int], *_: object, out_shape: list[int]) -> int:
    """The same, of a transposed one."""
    return conv_flop_count(x, weight, out_shape, transposed=True)


def added_flops(_: list[int], *given: Any, out_shape: list[int]) -> int:
    """The same, of one that adds to what is there."""
    return packed_flops(*given, out_shape=out_shape)


PACKED = {
    torch.ops.pfafn.conv_relu: packed_flops,
    torch.ops.mkldnn._convolution_pointwise: packed_flops,
    torch.ops.mkldnn._convolution_pointwise_: added_flops,
    torch.ops.mkldnn._convolution_transpose_pointwise: doubling_flops,
}


@contextmanager
def work_of(phase: Phase, scale: Scale) -> Iterator[Callable[[], Found]]:
    """A step of a phase in the memory of the training loop."""
    if machine.device().type == "cuda":
        gc.collect()  # what the phase before has left
        torch.cuda.reset_peak_memory_stats()
    with heap.kept():
        work = (dressing if phase.stage == FAKES else step)(phase, scale)
        # A counter sees what is not compiled; to be counted no kernel need be fast.
        eager = torch.compiler.set_stance("force_eager")
        with eager, FlopCounterMode(display=False, custom_mapping=PACKED) as counter:
            work()
        operations = counter.get_total_flops()

        def run() -> Found:
            work()
            return Found(operations, most_used(machine.device()))

        yield run


def schedule(scale: Scale, device: torch.device, best: dict[str, float]) -> Iterator[Row]:
    """Seconds, memory and hours of each phase, one after the other, and the hours of the whole."""

    def measured() -> Iterator[tuple[Phase, list[Turn]]]:
        for phase in phases(Params.load(PAPER)):
            gpu = device.type == "cuda"
            # The schedule's own batch would take a CPU minutes for a step, and gain it nothing.
            own = phase if gpu else phase._replace(batch=scale.training_batch)
            maker, rounds = partial(work_of, own, scale), scale.training_rounds
            yield own, (
                here(maker, rounds, device) if gpu
                else in_turns({own.name: maker}, rounds, device)[own.name]
            )  # fmt: skip

    return costs(measured(), scale.size, PRECISIONS[machine.precision(device)], best)


def costs(
    measured: Iterable[tuple[Phase, list[Turn]]],
    size: tuple[int, int],
    precision: str,
    best: dict[str, float],
) -> Iterator[Row]:
    """The rows of what was measured; best: FLOP per second at most, by precision."""
    samples, hours, needed = 0, [], 0.0
    for phase, each in measured:
        taken, operations = [turn.seconds for turn in each], each[0].result.operations
        case = f"{phase.name}, {size[0]}x{size[1]}, batch {phase.batch}"
        rate = 1 / Spread.of(taken).median
        note = f"{phase.batch * rate:.3g} samples/s; {operations * rate / 1e9:.0f} GFLOP/s"
        note += f", {operations * rate / best[precision]:.0%} of the ceiling"
        yield from rows(f"{SECTION}, per sample", case, {precision: taken}, per=phase.batch,
                        notes={precision: note})  # fmt: skip
        peak = Spread.of([turn.result.memory for turn in each])
        yield Row(f"{SECTION}, peak memory", case, precision, "MiB", peak)
        steps = phase.samples / phase.batch
        samples, needed = samples + phase.samples, needed + steps * operations
        whole = Spread.of([steps * second / 3600 for second in taken])
        hours.append(all_of(phase.name, precision, whole, phase.samples))
        yield hours[-1]
    total = Spread(*(sum(values) for values in zip(*(row.cost for row in hours), strict=True)))
    row = all_of("all of it", precision, total, samples)
    yield row._replace(note=f"{row.note}, {needed:.3g} FLOP")


def all_of(case: str, precision: str, hours: Spread, samples: int) -> Row:
    section = f"{SECTION} with {VITON['train']:,} training pairs, hours on one device"
    return Row(section, case, precision, "h", hours, None, f"{samples:,} samples")
