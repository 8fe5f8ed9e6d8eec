"""Trainings of seconds in float64, by as many processes as there are: what they must agree on.

As a program it does all of them with two processes, and leaves what came out in a folder.
"""

import json
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from safetensors.torch import save_file
from tinytrain import ADAM, LOSSES, TINY, Samples, W, mapped, recipe
from torch import Tensor, nn

from pfafn.kit import machine
from pfafn.kit.joint import join_batch_norms
from pfafn.kit.signals import Stopped
from pfafn.learning.collapse import tryon_sign
from pfafn.learning.distillation import mean_over_trusted
from pfafn.learning.objective import Objective
from pfafn.learning.student import StudentObjective, inherit_warp
from pfafn.learning.tutor import TutorObjective
from pfafn.models.tryon import TryOnNet
from pfafn.params.sections import WarpStage
from pfafn.samples.sample import StudentSample
from pfafn.training.health import TrainingDiverged
from pfafn.training.loop import fit
from pfafn.training.processes import Dismissed, Layout, agreed, start_fabric
from pfafn.training.recipe import Recipe
from pfafn.training.trainer import Trainer

WORLD = 2
SAMPLES = 5  # a joint batch of four, and one sample left over
# As published. Faster, and with so small a network, rounding errors grow to visible ones in a few
# steps, also of one process alone.
RATE = 1e-5


class Exact(Samples):
    """Narrow samples in float64."""

    def __getitem__(self, key: tuple[int, int]) -> StudentSample:
        return mapped(narrow, super().__getitem__(key))


def narrow(value: Tensor) -> Tensor:
    value = value[..., 16:80] if value.shape[-1:] == (W,) else value
    return value.double() if value.is_floating_point() else value


def network(role: str, generator: int | None) -> TryOnNet:
    return TryOnNet(role, **TINY, generator=generator)


def student(generator: int | None) -> StudentObjective:
    tutor, net = network("tutor", 4), network("student", generator)
    inherit_warp(net, tutor)
    with torch.no_grad():
        # Flows of some pixels: with those of a fresh network nobody is nearer to the truth.
        for head in (*tutor.warp.flow.refine, *net.warp.flow.refine):
            head[-1].weight.mul_(20)
    return StudentObjective(net, tutor, LOSSES, None, warp_weight=0.25)


def regime(name: str) -> Recipe:
    """How a stage trains, with the micro-batches and the thaw that one of them has."""
    torch.manual_seed(0)
    generator = 4 if name.endswith("_tryon") else None
    accumulate = 2 if name == "tutor_warp" else 1
    epochs = 3 if name == "student_warp" else 1
    schedule = WarpStage(epochs=epochs, decay=0, batch=4, accumulate=accumulate, lr=RATE)
    if name.startswith("tutor"):
        return recipe(TutorObjective(network("tutor", generator), LOSSES, None).double(), schedule)
    made = recipe(student(generator).double(), schedule)
    if name == "student_tryon":
        return made
    warp = made.objective.net.warp
    still = (warp.garment_encoder, warp.garment_fpn, warp.flow.match)
    return made._replace(frozen=still, frozen_epochs=1)


REGIMES = ("tutor_warp", "tutor_tryon", "student_warp", "student_tryon")


def train(name: str, work: Path, fabric: Fabric | None = None) -> tuple[Objective, list[dict]]:
    made = regime(name)
    done = fit(made, Exact(SAMPLES), ADAM, seed=3, work=work, name=name, fabric=fabric)
    return made.objective, done.history


def weights(objective: Objective) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in objective.net.state_dict().items()}


def gradients(objective: Objective) -> dict[str, Tensor]:
    """Of the last step."""
    return {name: p.grad.contiguous() for name, p in objective.net.named_parameters()}


def normed(x: Tensor, weight: Tensor, fabric: Fabric | None = None) -> dict[str, Tensor]:
    """Forward, backward and running statistics of a batch norm that learns to match `weight`."""
    torch.manual_seed(1)
    norm = nn.Sequential(nn.BatchNorm2d(x.shape[1])).double()
    nn.init.normal_(norm[0].weight)
    if fabric:
        join_batch_norms(norm, "cpu")
    x.requires_grad_()
    y = norm(x)
    (y * weight).sum().backward()
    found = {"y": y.detach(), "x": x.grad, "weight": norm[0].weight.grad, "bias": norm[0].bias.grad}
    return found | dict(norm.state_dict(prefix="state."))


def maps() -> tuple[Tensor, Tensor]:
    """Input of a batch norm, [4, 3, 5, 6], far from zero, and what its output is weighted with."""
    generator = torch.Generator().manual_seed(5)
    drawn = torch.randn(2, 4, 3, 5, 6, generator=generator, dtype=torch.float64)
    return drawn[0] * torch.arange(1, 5).view(4, 1, 1, 1) + 3, drawn[1]


TRUST = torch.tensor([True, False, True, True])
VALUES = torch.tensor([3.0, 50.0, 5.0, 10.0])


def quotients(share: slice) -> dict[str, Tensor]:
    """Terms that divide by something of the joint batch."""
    pictures = torch.rand(4, 3, 6, 8, generator=torch.Generator().manual_seed(2))
    mask = (pictures[:, :1] > 0.5) * torch.arange(4).view(4, 1, 1, 1).gt(1)
    sign = tryon_sign(pictures[share] * 0.5, pictures[share] * 0.1, pictures[share], mask[share])
    trust = TRUST[share]
    return {
        "trusted": mean_over_trusted([VALUES[share]], trust)[0],
        "nobody": mean_over_trusted([VALUES[share]], trust & False)[0],
        "change": sign["tryon_change"],
    }


def stopped(work: Path, fabric: Fabric) -> int:
    """The last process alone is asked to stop, in the course of the first step; the exit code."""
    step = Trainer.step

    def asked(self: Trainer, *args: Any) -> dict[str, Tensor]:
        if fabric.global_rank == WORLD - 1:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *args)

    Trainer.step = asked
    try:
        train("student_warp", work, fabric)
    except (Stopped, Dismissed) as end:
        return int(end.code)
    finally:
        Trainer.step = step
    raise AssertionError("was not stopped")


class Broken(TutorObjective):
    """In its second micro-batch its loss is no number."""

    calls = 0

    def forward(self, batch: StudentSample, late: bool = False) -> dict[str, Tensor]:
        terms = super().forward(batch, late)
        self.calls += 1
        return terms if self.calls < 2 else terms | {"total": terms["total"] * torch.nan}


def diverged(work: Path, fabric: Fabric) -> str:
    """How it ends if the numbers go wrong in the last process alone."""
    made = regime("tutor_warp")
    if fabric.global_rank == WORLD - 1:
        made = made._replace(objective=Broken(made.objective.net, LOSSES, None))
    try:
        fit(made, Exact(SAMPLES), ADAM, seed=3, work=work, name="it", fabric=fabric)
    except TrainingDiverged as error:
        return str(error)
    except Dismissed:
        return "dismissed"
    raise AssertionError("did not diverge")


def main(out: Path) -> None:
    machine.repeat()
    fabric = start_fabric(Layout(1, WORLD, LightningEnvironment()))
    rank = fabric.global_rank
    x, weight = (m[rank::WORLD].clone() for m in maps())
    save_file(normed(x, weight, fabric), out / f"norm{rank}.safetensors")
    save_file(quotients(slice(rank, None, WORLD)), out / f"quotients{rank}.safetensors")
    for name in REGIMES:
        objective, history = train(name, out / "work" / name, fabric)
        save_file(weights(objective), out / f"{name}{rank}.safetensors")
        save_file(gradients(objective), out / f"{name}-gradients{rank}.safetensors")
        (out / f"{name}{rank}.json").write_text(json.dumps(history))
    ends = {
        "agreed": [agreed(fabric, got) for got in (0, rank * signal.SIGINT, signal.SIGTERM)],
        "stopped": stopped(out / "stopped", fabric),
        "diverged": diverged(out / "d", fabric),
    }
    (out / f"ends{rank}.json").write_text(json.dumps(ends))


if __name__ == "__main__":
    with suppress(Dismissed):
        main(Path(sys.argv[1]))
