"""What each saving in the last training stage gives: its step with all of them, and less one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
import torch.nn.functional as F
from lightning_fabric.utilities import move_data_to_device
from torch import Tensor, nn

from benchmarks.apart import in_turns
from benchmarks.rows import Row, rows
from benchmarks.subject import Scale, batch
from benchmarks.timing import Spread
from benchmarks.training import objective, set_up
from pfafn.fast.learn import quicken
from pfafn.fast.precision import ExactConv2d
from pfafn.fast.recompute import recompute
from pfafn.kit import heap, machine
from pfafn.learning.student import StudentObjective
from pfafn.models.correlation import cost_volume
from pfafn.models.geometry import warp
from pfafn.models.warp import SLOPE
from pfafn.photos.tensors import to_device

ALL = "with all"
SAVINGS = (
    "bf16",
    "banded cost volume",
    "sampling as bags",
    "channels_last",
    "last layer in one",
    "no_grad tutor",
    "fused Adam",
    "memory kept",
    "activations kept",
)


@contextmanager
def step(scale: Scale, device: torch.device, less: str = "") -> Iterator[Callable[[], None]]:
    """A step of the training loop without one of the savings."""
    made = objective(scale.widths)
    quicken(made)
    for net in (made.net, made.tutor):
        if less == "banded cost volume":
            net.warp.flow.costs = defined_costs
        if less == "sampling as bags":
            net.warp.flow.warp = warp
    if less == "last layer in one":
        last = made.net.generator.last
        last[0], last[1].__class__ = nn.Upsample(scale_factor=2, mode="nearest"), ExactConv2d
    if less == "no_grad tutor":
        with_graph(made)
    if less == "activations kept":
        recompute(made)
    dtype = torch.float32 if less == "bf16" else machine.precision(device)
    trainer = set_up(made, scale, dtype)
    if less == "fused Adam":
        for group in trainer.optimizer.param_groups:
            group["fused"] = False
    own = to_device(batch(scale.training_batch, scale.size), trainer.fabric.device)
    if less == "channels_last":
        made.to(memory_format=torch.contiguous_format)
        own = move_data_to_device(batch(scale.training_batch, scale.size), trainer.fabric.device)

    def run() -> None:
        trainer.step([own])

    with nullcontext() if less == "memory kept" else heap.kept():
        yield run


def defined_costs(warped: Tensor, person: Tensor) -> Tensor:
    """`FlowNet.costs`, in the precision of the person's features."""
    return F.leaky_relu(cost_volume(warped.to(person.dtype), person), SLOPE)


def with_graph(made: StudentObjective) -> None:
    """Let the tutor record what a gradient would need, as it does without no_grad."""
    made.tutor.warp.requires_grad_(True)
    made.tutor.warp.forward = torch.enable_grad()(made.tutor.warp.forward)


def ablation(
    scale: Scale, device: torch.device, savings: tuple[str, ...] = SAVINGS
) -> Iterator[Row]:
    """Seconds per image with all savings and without one, two at a time for their memory."""
    case = f"{scale.size[0]}x{scale.size[1]}, batch {scale.training_batch}"
    told = False  # of a step with everything
    for saving in savings:
        if saving == "bf16" and machine.precision(device) != torch.bfloat16:
            continue
        name = f"without {saving}"
        makers = {ALL: partial(step, scale, device), name: partial(step, scale, device, saving)}
        turns = in_turns(makers, scale.training_rounds, device)
        taken = {variant: [turn.seconds for turn in each] for variant, each in turns.items()}
        pairs = zip(taken[name], taken[ALL], strict=True)
        gives = Spread.of([less / everything for less, everything in pairs]).median
        notes = {name: f"{saving} makes it {gives:.2f}x as fast"}
        both = rows("Ablation of a training step, per image", case, taken,
                    per=scale.training_batch, base=ALL, notes=notes)  # fmt: skip
        yield from both[told:]
        told = True
