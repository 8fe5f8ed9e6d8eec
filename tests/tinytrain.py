"""A training of seconds: four random samples, a network of a few channels, a stop at any step."""

import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pfafn.learning.objectives import TutorObjective
from pfafn.models.tryon import TryOnNet
from pfafn.params.file import Losses, Optimizer, Params, WarpStage
from pfafn.training import loop
from pfafn.training.loop import fit
from pfafn.training.plan import Plan

H, W = 64, 96
TINY = {"channels": [4, 4, 8, 8, 8], "fpn": 8}
ADAM = Optimizer(beta1=0.5, beta2=0.999)
LOSSES: Losses = Params.load(Path(__file__).parents[1] / "params.yaml").losses


class Samples(Dataset[dict[str, Tensor]]):
    """Deterministic samples; as in the real data set, they depend on (epoch, item) alone."""

    def __init__(self, count: int = 4) -> None:
        self.count = count
        self.seen: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        self.seen.append(key)
        generator = torch.Generator().manual_seed(100 * key[0] + key[1])
        random = torch.rand(9, H, W, generator=generator) * 2 - 1
        parsing = torch.zeros(H, W, dtype=torch.uint8)
        parsing[16:48, 32:64] = 4
        return {
            "person": random[:3], "garment": random[3:6], "fake": random[6:9],
            "garment_mask": (random[:1] > 0).float(), "fake_mask": (random[1:2] > 0).float(),
            "parsing": parsing, "body_parts": parsing, "keypoints": torch.zeros(18, 3),
            "category": torch.tensor(0),
        }  # fmt: skip


def tutor_objective(generator: int | None = None) -> TutorObjective:
    torch.manual_seed(0)
    return TutorObjective(TryOnNet("tutor", **TINY, generator=generator), LOSSES, None)


def plan(epochs: int = 2, decay: int = 1, batch: int = 2, accumulate: int = 1) -> Plan:
    schedule = WarpStage(epochs=epochs, decay=decay, batch=batch, accumulate=accumulate, lr=1e-3)
    return Plan(schedule, {"warp": 1e-3})


def train(objective: TutorObjective, plan: Plan, work: Path, data: Dataset | None = None) -> list:
    dataset = data or Samples()
    return fit(objective, dataset, plan, ADAM, seed=3, work=work, name="tutor_warp").history


def weights(objective: TutorObjective) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in objective.net.state_dict().items()}


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Raise SIGTERM in the course of a step, as a scheduler would."""
    done = 0
    step = loop.Trainer.step

    def counted(self: loop.Trainer, *args: object) -> dict[str, Tensor]:
        nonlocal done
        done += 1
        if done == steps:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *args)

    monkeypatch.setattr(loop.Trainer, "step", counted)
