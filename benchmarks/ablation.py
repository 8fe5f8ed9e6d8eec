"""What each saving in the last training stage gives: its step with all of them, and less one."""

import copy
import gc
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.plain import PlainFlowNet, PlainVGG
from benchmarks.rows import Row, rows
from benchmarks.subject import Scale, batch
from benchmarks.timing import Spread, interleaved
from benchmarks.training import objective, set_up
from pfafn import runtime
from pfafn.batches import to_device
from pfafn.models.recompute import recompute
from pfafn.models.vgg import VGG19
from pfafn.objectives import StudentObjective

ALL = "with all"
SAVINGS = (
    "bf16",
    "banded cost volume",
    "channels_last",
    "no_grad tutor",
    "photo's VGG features once",
    "fused Adam",
    "activations kept",
)


def step(
    scale: Scale, given: dict[str, Tensor], device: torch.device, less: str = ""
) -> Callable[[], object]:
    """A step of the training loop without one of the savings."""
    vgg = PlainVGG if less == "photo's VGG features once" else VGG19
    made = objective(scale.widths, copy.deepcopy, vgg)
    if less == "banded cost volume":
        for net in (made.net, made.tutor):
            net.warp.flow = PlainFlowNet(net.warp.flow)
    if less == "no_grad tutor":
        with_graph(made)
    if less == "activations kept":
        recompute(made)
    dtype = torch.float32 if less == "bf16" else runtime.precision(device)
    trainer = set_up(made, scale, dtype)
    if less == "fused Adam":
        for group in trainer.optimizer.param_groups:
            group["fused"] = False
    own = to_device(given, trainer.fabric.device)
    if less == "channels_last":
        made.to(memory_format=torch.contiguous_format)
        own = {name: value.contiguous() for name, value in own.items()}
    return lambda: trainer.step([own], 0)


def with_graph(made: StudentObjective) -> None:
    """Let the tutor record what a gradient would need, as it does without no_grad."""
    made.tutor.warp.requires_grad_(True)
    made.tutor.warp.forward = torch.enable_grad()(made.tutor.warp.forward)


def ablation(scale: Scale, device: torch.device) -> list[Row]:
    """Seconds per image with all savings and without one, two at a time for their memory."""
    given = batch(scale.training_batch, scale.size)
    deterministic = torch.are_deterministic_algorithms_enabled()
    case = f"{scale.size[0]}x{scale.size[1]}, batch {scale.training_batch}"
    found = []
    full = step(scale, given, device)
    for saving in SAVINGS:
        if saving == "bf16" and runtime.precision(device) != torch.bfloat16:
            continue
        name = f"without {saving}"
        work = {ALL: full, name: step(scale, given, device, saving)}
        taken = interleaved(work, scale.training_rounds, device)
        pairs = zip(taken[name], taken[ALL], strict=True)
        gives = Spread.of([less / everything for less, everything in pairs]).median
        notes = {name: f"{saving} makes it {gives:.2f}x as fast"}
        both = rows("Ablation of a training step, per image", case, taken,
                    per=scale.training_batch, base=ALL, notes=notes)  # fmt: skip
        found += both[1:] if found else both
        del work
        gc.collect()
    torch.use_deterministic_algorithms(deterministic)
    return found
