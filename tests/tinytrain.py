"""A training of seconds: four random samples, a network of a few channels, a stop at any step."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from pfafn.learning.objective import Objective
from pfafn.learning.tutor import TutorObjective
from pfafn.models.inputs import Annotation, Garment
from pfafn.models.tryon import TryOnNet
from pfafn.params.file import Params
from pfafn.params.sections import Losses, Optimizer, WarpStage
from pfafn.samples.sample import Fake, StudentSample
from pfafn.training.loop import fit
from pfafn.training.recipe import Recipe
from pfafn.training.trainer import Trainer

H, W = 64, 96
TINY = {"channels": [4, 4, 8, 8, 8], "fpn": 8}
ADAM = Optimizer(beta1=0.5, beta2=0.999, muon=0.0)
LOSSES: Losses = Params.load(Path(__file__).parents[1] / "params.yaml").losses


class Samples(Dataset[StudentSample]):
    """Deterministic samples; as in the real data set, they depend on (epoch, item) alone."""

    def __init__(self, count: int = 4) -> None:
        self.count = count
        self.seen: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: tuple[int, int]) -> StudentSample:
        self.seen.append(key)
        generator = torch.Generator().manual_seed(100 * key[0] + key[1])
        random = torch.rand(9, H, W, generator=generator) * 2 - 1
        parsing = torch.zeros(H, W, dtype=torch.uint8)
        parsing[16:48, 32:64] = 4
        return StudentSample(
            item=torch.tensor(100 + key[1]),
            person=random[:3],
            annotation=Annotation(parsing, parsing, torch.zeros(18, 3), torch.tensor(0)),
            garment=Garment(random[3:6], (random[:1] > 0).float()),
            fake=Fake(random[6:9], (random[1:2] > 0).float()),
        )


def collated(count: int) -> StudentSample:
    """The first samples of the first epoch as a batch."""
    return default_collate([Samples()[(1, i)] for i in range(count)])


def mapped(change: Callable[[Tensor], Tensor], sample: Tensor | tuple) -> Any:
    """A sample of changed tensors."""
    if isinstance(sample, Tensor):
        return change(sample)
    return type(sample)(*(mapped(change, part) for part in sample))


def tutor_objective(generator: int | None = None) -> TutorObjective:
    torch.manual_seed(0)
    return TutorObjective(TryOnNet("tutor", **TINY, generator=generator), LOSSES, None)


def schedule(
    epochs: int = 2, decay: int = 1, batch: int = 2, accumulate: int = 1, lr: float = 1e-3
) -> WarpStage:
    return WarpStage(epochs=epochs, decay=decay, batch=batch, accumulate=accumulate, lr=lr)


def recipe(objective: Objective, plan: WarpStage) -> Recipe:
    """Everything learns, at one rate."""
    return Recipe(objective, plan, ((objective.net, plan.lr),))


def train(
    objective: Objective, plan: WarpStage, work: Path, data: Dataset | None = None
) -> list[dict[str, Any]]:
    """The curve."""
    made = recipe(objective, plan)
    return fit(made, data or Samples(), ADAM, seed=3, work=work, name="tutor_warp").history


def weights(objective: TutorObjective) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in objective.net.state_dict().items()}


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Raise SIGTERM in the course of a step, as a scheduler would."""
    done = 0
    step = Trainer.step

    def counted(self: Trainer, *args: object) -> dict[str, Tensor]:
        nonlocal done
        done += 1
        if done == steps:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *args)

    monkeypatch.setattr(Trainer, "step", counted)
