"""What one optimizer step is: the mean's gradient, at the rate of its moment, and no other's."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from tinytrain import ADAM, schedule
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.data import Dataset

from pfafn.params.sections import WarpStage
from pfafn.training import curve
from pfafn.training.loop import fit
from pfafn.training.recipe import Recipe

LR = 1e-3


class Slope(nn.Module):
    """The loss of which every gradient is known: a weight times the numbers, on average."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.ModuleDict(
            {part: nn.Linear(1, 1, bias=False) for part in ("warp", "generator")}
        )
        self.calls: list[tuple[Tensor, bool, bool]] = []

    def forward(self, batch: dict[str, Tensor], late: bool = False) -> dict[str, Tensor]:
        x = batch["x"]
        self.calls.append((x.flatten(), late, self.net.training))
        total = self.net["warp"](x).mean() + 10 * self.net["generator"](x).mean()
        return {"total": total, "x": x.mean()}


class Numbers(Dataset[dict[str, Tensor]]):
    """1, 2, 4, 8: no two batches have the same mean."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        return {"x": torch.tensor([2.0 ** key[1]])}


class Group(NamedTuple):
    """A parameter group as it is when a step begins."""

    lr: float
    betas: tuple[float, float]
    gradient: float


@pytest.fixture
def steps() -> Iterator[list[list[Group]]]:
    """The groups of every step that an optimizer makes."""
    made: list[list[Group]] = []

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
        made.append(
            [Group(g["lr"], g["betas"], g["params"][0].grad.item()) for g in optimizer.param_groups]
        )

    handle = register_optimizer_step_pre_hook(note)
    yield made
    handle.remove()


def trained(work: Path, plan: WarpStage) -> tuple[Slope, list[dict]]:
    """The objective after a training, and its curve."""
    objective = Slope()
    net = objective.net
    recipe = Recipe(objective, plan, ((net["warp"], LR), (net["generator"], LR / 4)))
    history = fit(recipe, Numbers(), ADAM, seed=3, work=work, name="tutor_warp").history
    return objective, history


def test_every_step_has_the_rate_of_its_moment(steps: list, tmp_path: Path) -> None:
    trained(tmp_path, schedule(epochs=1, decay=2, batch=2))
    wanted = [1, 1, 1, 0.75, 0.5, 0.25]
    assert [groups[0].lr for groups in steps] == pytest.approx([LR * rate for rate in wanted])


def test_every_part_keeps_its_own_rate(steps: list, tmp_path: Path) -> None:
    trained(tmp_path, schedule(epochs=1, decay=1, batch=2))
    for warp, generator in steps:
        assert generator.lr == pytest.approx(warp.lr / 4)
        assert generator.gradient == pytest.approx(10 * warp.gradient)


def test_adam_has_the_moments_of_params(steps: list, tmp_path: Path) -> None:
    trained(tmp_path, schedule(epochs=1, decay=0))
    assert {group.betas for groups in steps for group in groups} == {(ADAM.beta1, ADAM.beta2)}


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_the_gradient_is_that_of_the_mean_in_however_many_parts(
    accumulate: int, steps: list, tmp_path: Path
) -> None:
    trained(tmp_path, schedule(epochs=1, decay=0, batch=4, accumulate=accumulate))
    assert [groups[0].gradient for groups in steps] == [(1 + 2 + 4 + 8) / 4]


def test_no_step_has_the_gradient_of_the_one_before(steps: list, tmp_path: Path) -> None:
    objective, _ = trained(tmp_path, schedule(epochs=2, decay=0, batch=2))
    means = [x.mean().item() for x, *_ in objective.calls]
    assert [groups[0].gradient for groups in steps] == pytest.approx(means)
    assert len(set(means)) > 1


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_the_curve_shows_means_in_however_many_parts(accumulate: int, tmp_path: Path) -> None:
    _, history = trained(tmp_path, schedule(epochs=1, decay=0, batch=4, accumulate=accumulate))
    assert [row["x"] for row in history] == [(1 + 2 + 4 + 8) / 4]


def test_the_objective_is_told_when_the_rate_decays_and_that_it_trains(tmp_path: Path) -> None:
    objective, _ = trained(tmp_path, schedule(epochs=1, decay=1, batch=2))
    assert [late for _, late, _ in objective.calls] == [False, False, True, True]
    assert all(training for *_, training in objective.calls)


def test_rows_say_step_epoch_and_rate_and_the_last_step_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curve, "MOST_ROWS", 2)
    objective, history = trained(tmp_path, schedule(epochs=2, decay=1, batch=4))
    x = [x.mean().item() for x, *_ in objective.calls]
    shown = [tuple(row[name] for name in ("step", "epoch", "rate", "x")) for row in history]
    assert shown == [(2, 2, 1.0, (x[0] + x[1]) / 2), (3, 3, 1.0, x[2])]


def test_a_frozen_part_learns_from_the_first_step_after_its_epochs_on(tmp_path: Path) -> None:
    objective, weights = Slope(), []
    warp, generator = objective.net["warp"], objective.net["generator"]
    generator.register_forward_pre_hook(lambda part, _: weights.append(part.weight.item()))
    plan = schedule(epochs=2, decay=0, batch=2)
    recipe = Recipe(objective, plan, ((warp, LR), (generator, LR)), (generator,), 1)
    fit(recipe, Numbers(), ADAM, seed=3, work=tmp_path, name="student_warp")
    assert weights[0] == weights[1] == weights[2] != weights[3]
