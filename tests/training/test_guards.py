"""What goes wrong in a training is stopped or told: numbers that are none, collapse, cost, room."""

import json
from pathlib import Path

import pytest
import torch
from tinytrain import schedule, train, tutor_objective, weights
from torch import Tensor

from pfafn.learning.collapse import PATIENCE, Alarm, alarms, tryon_sign, warp_signs
from pfafn.learning.tutor import TutorObjective
from pfafn.models.warp import Alignment, Warped
from pfafn.params.file import Params
from pfafn.samples.sample import TutorSample
from pfafn.training import pace, resume
from pfafn.training.health import RECORD, NotFinite, TrainingDiverged, check_finite
from pfafn.training.pace import Pace

H, W = 6, 8
PARAMS = Params.load(Path(__file__).parents[2] / "params.yaml")


class Bad(TutorObjective):
    """From its third step on the loss is finite and its gradient is not."""

    steps = 0

    def forward(self, batch: TutorSample, late: bool = False) -> dict[str, Tensor]:
        self.steps += 1
        terms = super().forward(batch, late)
        if self.steps >= 3:
            weight = next(self.net.warp.garment_fpn.smooth[0].parameters())
            terms["total"] = terms["total"] + (0 * weight).sum().sqrt()
        return terms


def bad() -> Bad:
    whole = tutor_objective()
    return Bad(whole.net, whole.losses, None)


def test_a_gradient_that_is_not_finite_stops_before_it_reaches_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_CHECKPOINT_STEPS", "1")
    objective = bad()
    with pytest.raises(
        TrainingDiverged, match=r"gradient of warp.garment_fpn.smooth.0.weight.*step 3 of 6"
    ):
        train(objective, schedule(), tmp_path)
    kept = resume.read(tmp_path)
    assert kept.point.step == 2
    for name, value in objective.net.named_parameters():
        assert torch.equal(value, kept.tensors[f"net.{name}"]), name
    assert all(torch.isfinite(value).all() for value in weights(objective).values())


def test_the_batch_that_did_it_is_on_record(tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged, match=RECORD) as stopped:
        train(bad(), schedule(), tmp_path)
    told = json.loads((tmp_path / RECORD).read_text())
    assert told["step"] == 3
    assert len(told["items"]) == 2
    assert set(told["items"]) <= {100, 101, 102, 103}
    assert str(told["items"]) in str(stopped.value)
    assert float(told["terms"]["total"]) > 0


def test_it_can_go_on_from_the_last_good_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_CHECKPOINT_STEPS", "1")
    with pytest.raises(TrainingDiverged):
        train(bad(), schedule(), tmp_path / "work")
    mended, straight = tutor_objective(), tutor_objective()
    train(mended, schedule(), tmp_path / "work")
    train(straight, schedule(), tmp_path / "straight")
    assert all(torch.equal(v, weights(straight)[n]) for n, v in weights(mended).items())


def warped(mask: Tensor, grid: Tensor) -> Warped:
    return Warped(torch.zeros(1, 3, H, W), mask, Alignment([grid], [], []), [])


def clothes() -> Tensor:
    mask = torch.zeros(1, 1, H, W)
    mask[..., 2:4, 2:6] = 1  # 8 pixels
    return mask


def test_the_warped_area_is_that_of_the_clothes_it_should_cover() -> None:
    half = torch.zeros(1, 1, H, W)
    half[..., 0, :4] = 1
    assert warp_signs(warped(half, torch.zeros(1, 2, H, W)), clothes())["warped_area"] == 0.5


def test_the_flow_outside_counts_under_the_clothes_alone() -> None:
    grid = torch.full((1, 2, H, W), 3.0)
    grid[..., 2:4, 2:6] = 0
    grid[:, 1, 2, 2:4] = -1.5
    assert warp_signs(warped(clothes(), grid), clothes())["flow_outside"] == 0.25


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_change_is_a_share_of_what_had_to_change(share: float) -> None:
    seen, photo = torch.rand(1, 3, H, W), torch.rand(1, 3, H, W)
    tryon = seen + share * (photo - seen)
    found = tryon_sign(tryon, seen, photo, torch.ones(1, 1, H, W))["tryon_change"]
    assert found == pytest.approx(share, abs=1e-5)


GOOD = {"warped_area": 0.9, "flow_outside": 0.1, "tryon_change": 0.8}
SIGNS = [("warped_area", 0.05), ("flow_outside", 0.7), ("tryon_change", 0.01)]


def rows(count: int, **values: float) -> list[dict[str, float]]:
    return [{"step": n, **GOOD, **values} for n in range(count)]


@pytest.mark.parametrize(("sign", "value"), SIGNS)
def test_a_collapse_that_lasts_raises_the_alarm_once(
    sign: str, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    history = rows(10)
    alarm = Alarm("student_warp")
    for row in rows(PATIENCE + 3, **{sign: value}):
        history.append(row)
        alarm.look(history)
    said = capsys.readouterr().err
    assert said.count("ALARM student_warp") == 1
    assert sign in said
    assert list(alarms(history)) == [sign]


@pytest.mark.parametrize(("sign", "value"), SIGNS)
def test_a_bad_moment_is_no_alarm(sign: str, value: float) -> None:
    bad_rows = rows(PATIENCE - 1, **{sign: value})
    assert not alarms(bad_rows)
    assert not alarms(bad_rows + rows(1) + bad_rows)


def test_a_training_shows_its_signs_in_the_curve(tmp_path: Path) -> None:
    curve = train(tutor_objective(), schedule(), tmp_path)
    assert {"warped_area", "flow_outside"} <= set(curve[-1])


PERSONS = {"train": 10, "test": 3}


def test_the_work_of_each_stage_follows_from_params() -> None:
    schedule = PARAMS.tutor_warp.model_copy(update={"epochs": 2, "decay": 1, "batch": 4})
    params = PARAMS.model_copy(update={"tutor_warp": schedule})
    counts = pace.images(params, PERSONS)
    assert counts["tutor_warp"] == 3 * 8  # two whole batches of the ten
    assert counts["fakes"] == 10 * params.fakes.per_person
    assert counts["evaluate"] == 3


def test_the_estimate_covers_this_stage_and_those_after_it() -> None:
    found = pace.seconds(PARAMS, PERSONS, "student_warp", pace=2.0)
    assert list(found) == ["student_warp", "student_tryon", "evaluate"]
    assert found["student_warp"] == 2.0 * pace.images(PARAMS, PERSONS)["student_warp"]
    said = pace.sentence({"fakes": 60, "student_warp": 3600, "evaluate": 30})
    assert said == (
        "fakes: about 0:01:00 in all on this machine; the stages after it about 1:00:30 "
        "(student_warp 1:00:00, evaluate 0:00:30)"
    )


def test_every_stage_that_takes_long_has_a_cost() -> None:
    assert list(pace.COST) == [
        "tutor_warp", "tutor_tryon", "fakes", "student_warp", "student_tryon", "evaluate",
    ]  # fmt: skip


def test_the_pace_is_told_once_without_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = [0.0], []
    monkeypatch.setattr("pfafn.training.pace.time.monotonic", lambda: now[0])
    pace = Pace(4, lambda each: told.append((now[0], each)))
    for took in [60.0] + [2.0] * 20:
        now[0] += took
        pace.step()
    # TELL_AFTER is 15: of the steps of two seconds after the first, the eighth lies beyond it.
    assert told == [(60 + 16, 0.5)]


def test_what_other_stages_take_follows_from_what_they_cost() -> None:
    found = pace.seconds(PARAMS, PERSONS, "fakes", pace=2.0)
    counts, dearer = pace.images(PARAMS, PERSONS), pace.COST["student_tryon"] / pace.COST["fakes"]
    assert dearer > 1
    assert found["student_tryon"] == pytest.approx(counts["student_tryon"] * 2.0 * dearer)


@pytest.mark.parametrize(
    ("sign", "sound"), [("warped_area", 0.1), ("tryon_change", 0.1), ("flow_outside", 0.5)]
)
def test_a_sign_at_its_limit_is_sound(sign: str, sound: float) -> None:
    beyond = sound + (0.01 if sign == "flow_outside" else -0.01)
    assert not alarms(rows(PATIENCE, **{sign: sound}))
    assert list(alarms(rows(PATIENCE, **{sign: beyond}))) == [sign]


def test_an_alarm_that_is_over_may_come_again(capsys: pytest.CaptureFixture[str]) -> None:
    alarm, bad = Alarm("tutor_warp"), rows(PATIENCE, warped_area=0.0)
    for shown in (bad, bad, rows(1), bad):
        alarm.look(shown)
    assert capsys.readouterr().err.count("ALARM tutor_warp, step 4: the warped garment") == 2


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_a_loss_that_is_not_finite_is_told_by_its_terms(value: float) -> None:
    terms = {"warp": torch.tensor(value), "l1": torch.tensor(1.0), "total": torch.tensor(value)}
    with pytest.raises(NotFinite, match=r"^warp, total$"):
        check_finite(terms)


def test_a_sign_that_a_stage_does_not_show_is_no_alarm() -> None:
    assert alarms([{"step": step, "total": 1.0} for step in range(1, 9)]) == {}


def test_what_changes_beside_the_clothes_is_no_try_on() -> None:
    given, photo = torch.zeros(1, 3, 2, 4), torch.ones(1, 3, 2, 4)
    clothes = torch.tensor([[[[1.0, 1, 0, 0]] * 2]])
    tryon = given + 0.5
    tryon[..., 2:] = 9
    assert tryon_sign(tryon, given, photo, clothes)["tryon_change"] == 0.5
