"""Where no step is waited for, as on a GPU: what is no number is told later, and does no harm."""

import json
from pathlib import Path

import pytest
import torch
from tinytrain import (
    ADAM,
    Samples,
    collated,
    recipe,
    schedule,
    train,
    tutor_objective,
    weights,
)
from torch import Tensor, nn

from pfafn.learning.tutor import TutorObjective
from pfafn.samples.loading import MicroBatches
from pfafn.samples.sample import TutorSample
from pfafn.training import resume, trainer
from pfafn.training.health import RECORD, Sentinel, TrainingDiverged
from pfafn.training.loop import fit
from pfafn.training.processes import start_fabric
from pfafn.training.trainer import Trainer

SEED = 3  # of tinytrain's


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps as on a GPU, but that they are not recorded."""
    monkeypatch.setattr(trainer, "records", lambda fabric: True)
    monkeypatch.setattr(trainer, "Recorded", lambda function: function)


class Bad(TutorObjective):
    """From that step on loss or gradient are no numbers."""

    spoils, calls, step = "gradient", 0, 0

    def forward(self, batch: TutorSample, late: bool = False) -> dict[str, Tensor]:
        terms = super().forward(batch, late)
        weight = next(self.net.warp.garment_fpn.smooth[0].parameters())
        self.calls += 1
        wrong = 0.0 if self.calls >= self.step else 1.0
        if self.spoils == "gradient":
            terms["total"] = terms["total"] + (0 * weight + wrong).sum().sqrt()
        else:
            terms["total"] = terms["total"] / wrong
        return terms


def bad(step: int, spoils: str = "gradient") -> Bad:
    """Spoilt from that step of six on."""
    whole = tutor_objective()
    made = Bad(whole.net, whole.losses, None)
    made.spoils, made.step = spoils, step
    return made


def test_the_weights_are_those_of_steps_that_are_waited_for(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = []
    for name in ("waited", "unsettled"):
        objective = tutor_objective()
        made = recipe(objective, schedule(epochs=2, decay=1, accumulate=2))._replace(
            frozen=(objective.net.warp.garment_encoder,), frozen_epochs=1
        )
        curve = fit(made, Samples(), ADAM, seed=SEED, work=tmp_path / name, name="w").history
        found.append((weights(objective), curve))
        request.getfixturevalue("unsettled")
    (waited, one), (others, other) = found
    for name, value in waited.items():
        torch.testing.assert_close(others[name], value, rtol=1e-5, atol=1e-7, msg=name)
    assert [row["total"] for row in other] == pytest.approx([row["total"] for row in one])


@pytest.mark.usefixtures("unsettled")
@pytest.mark.parametrize("spoils", ["gradient", "total"])
@pytest.mark.parametrize("step", [3, 6])
def test_the_step_is_told_that_was_broken_and_the_weights_before_it_are_kept(
    step: int, spoils: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = bad(step, spoils)
    monkeypatch.setenv("PFAFN_CHECKPOINT_STEPS", str(step - 1))
    named = "gradient of warp.garment_fpn.smooth.0.weight" if spoils == "gradient" else "total"
    with pytest.raises(TrainingDiverged, match=f"{named}.*step {step} of 6"):
        train(objective, schedule(), tmp_path)
    kept = resume.read(tmp_path)
    assert kept.point.step == step - 1
    for name, value in objective.net.named_parameters():
        assert torch.equal(value, kept.tensors[f"net.{name}"]), name
    batches = list(MicroBatches(4, schedule(), SEED, 0))
    told = json.loads((tmp_path / RECORD).read_text())
    assert (told["step"], told["items"]) == (step, [100 + i for _, i in batches[step - 1]])


@pytest.mark.usefixtures("unsettled")
def test_no_resume_point_is_taken_of_a_broken_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_CHECKPOINT_STEPS", "3")
    with pytest.raises(TrainingDiverged, match="step 3 of 6"):
        train(bad(3), schedule(), tmp_path)
    assert resume.read(tmp_path) is None


@pytest.mark.usefixtures("unsettled")
def test_of_a_broken_step_it_is_told_before_the_frozen_parts_begin_to_learn(
    tmp_path: Path,
) -> None:
    objective = bad(2)
    made = recipe(objective, schedule())._replace(
        frozen=(objective.net.warp.garment_encoder,), frozen_epochs=1
    )
    with pytest.raises(TrainingDiverged, match="step 2 of 6"):
        fit(made, Samples(), ADAM, seed=SEED, work=tmp_path, name="w")


@pytest.mark.usefixtures("unsettled")
def test_the_rate_that_a_recorded_step_reads_decays_where_it_lies() -> None:
    made = recipe(tutor_objective(), schedule(epochs=1, decay=2, lr=1e-3))
    learning = Trainer(start_fabric(), made, ADAM, per_epoch=1)
    (group,) = learning.optimizer.param_groups
    read, rates = group["lr"], []
    for _ in range(3):
        rates.append(float(read))
        learning.step([collated(2)])
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4])


def test_sound_steps_after_a_broken_one_change_no_weight_and_are_broken_as_well() -> None:
    layer = nn.Linear(3, 2)
    adam = torch.optim.Adam(layer.parameters(), fused=True)
    sentinel = Sentinel(torch.device("cpu"), adam)
    before = layer.weight.clone()
    for total in (torch.nan, 1.0):
        layer.weight.grad = torch.ones(2, 3)
        sentinel.look(layer, torch.tensor(total))
        adam.step()
        assert torch.equal(layer.weight, before) and sentinel.heard()()
