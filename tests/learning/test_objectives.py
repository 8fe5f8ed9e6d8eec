"""What is minimised: every weight multiplies its own term, every mask is the one that is meant."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from minimised import CLOTHES, KEPT, Gray, Left, batch, left, losses, objective
from tinytrain import TINY, H, W
from torch import Tensor

from pfafn.learning import distillation
from pfafn.learning import objective as shared
from pfafn.learning.losses import WarpTerms, misplaced
from pfafn.learning.objective import Objective
from pfafn.learning.student import inherit_warp
from pfafn.models.generator import Rendered
from pfafn.models.inputs import Garment
from pfafn.models.parts import BodyPart
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import Warped
from pfafn.samples.sample import StudentSample


def test_without_any_weight_nothing_is_minimised() -> None:
    assert objective("student", losses())(batch())["total"] == 0


@pytest.mark.parametrize(
    ("weight", "terms"),
    [
        ("l1", ["l1", "rendered_l1"]), ("vgg", ["vgg", "rendered_vgg"]), ("mask", ["mask"]),
        ("occlusion", ["occlusion"]), ("skin_l1", ["skin_l1"]), ("skin_vgg", ["skin_vgg"]),
    ],
)  # fmt: skip
def test_a_weight_of_the_generator_multiplies_its_own_terms(weight: str, terms: list[str]) -> None:
    found = objective("student", losses("generator", **{weight: 3.0}))(batch())
    shown = {name: found[f"generator_{name}"].item() for name in terms}
    assert all(shown.values())
    assert found["total"].item() == pytest.approx(3 * sum(shown.values()), rel=1e-5)


TERMS = WarpTerms(
    l1=torch.tensor([0.0, 0, 0, 0, 1]),
    vgg=torch.tensor([0.0, 0, 0, 1, 0]),
    mask=torch.tensor([0.0, 0, 1, 0, 0]),
    second_order=torch.tensor([1.0, 10, 0, 0, 0]),
    tv=torch.ones(10),
)


@pytest.mark.parametrize(
    ("weight", "per_unit"),
    # The n-th level from the coarsest counts n; the total variation counts alike everywhere.
    [("l1", 5), ("vgg", 4), ("mask", 3), ("second_order", 1 + 2 * 10), ("tv", 10)],
)
def test_a_weight_of_the_warp_multiplies_its_own_terms_and_finer_levels_count_more(
    weight: str, per_unit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "warp_terms", lambda *_: TERMS)
    found = objective("tutor", losses("warp", **{weight: 0.5}), generator=None)(batch())
    assert found["total"].item() == pytest.approx(0.5 * per_unit)


def test_the_curve_shows_the_finest_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "warp_terms", lambda *_: TERMS)
    found = objective("tutor", losses(), generator=None)(batch())
    assert [found[f"warp_{name}"].item() for name in ("l1", "vgg", "mask")] == [1, 0, 0]


def guided(monkeypatch: pytest.MonkeyPatch, **weights: float | str) -> Callable[..., Objective]:
    """A student whose tutor is as many units away as a digit of the distance says, by level."""
    features, flows = torch.tensor([1.0, 0, 0, 0, 10]), torch.tensor([1.0, 10, 100])
    monkeypatch.setattr(distillation, "feature_distillation", lambda *_: features)
    monkeypatch.setattr(distillation, "flow_distillation", lambda *_: flows)
    weights = {"mode": "fixed", "features": 0.0, "flow": 0.0} | weights
    return partial(objective, "student", losses("distillation", **weights), generator=None)


def test_guidance_of_features_counts_most_at_the_coarsest_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = guided(monkeypatch, features=0.5)()(batch())
    assert found["total"].item() == 0.5 * (5 * 1 + 1 * 10)
    assert found["distillation_features"] == found["distillation"] == found["total"]


def test_guidance_of_flows_counts_most_at_the_finest_level(monkeypatch: pytest.MonkeyPatch) -> None:
    found = guided(monkeypatch, flow=0.5)()(batch())
    assert found["total"].item() == 0.5 * (3 * 1 + 4 * 10 + 5 * 100)
    assert found["distillation_flow"] == found["distillation"] == found["total"]


def test_beside_the_generator_the_whole_warp_objective_counts_its_weight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = guided(monkeypatch, features=1.0)(warp_weight=0.25)(batch())
    assert found["total"].item() == 0.25 * 15
    assert found["warp"].item() == 15


def test_with_the_rates_decay_both_parts_of_the_skin_count_more() -> None:
    student = objective("student", losses("generator", skin_l1=2.0, skin_vgg=3.0, skin_late=7.0))
    early, late = student(batch())["total"], student(batch(), late=True)["total"]
    torch.testing.assert_close(late, 7 * early)


def test_the_composition_is_judged_where_the_warped_garment_is_by_where_the_clothes_are() -> None:
    clothes = torch.zeros(1, 1, H, W)
    clothes[..., *CLOTHES] = 1
    found = objective("tutor", losses("generator", occlusion=1.0, in_front=3.0))(batch())
    expected = misplaced(torch.full_like(clothes, KEPT), left(clothes), clothes, in_front=3.0)
    torch.testing.assert_close(found["total"], expected)


def test_in_training_the_garment_shows_only_where_both_masks_and_the_clothes_are() -> None:
    found = objective("tutor", losses("generator", mask=1.0))(batch())
    both = 32 * (W // 2 - CLOTHES[1].start)  # pixels that the clothes and the left half share
    assert found["total"].item() == pytest.approx(1 - KEPT * 0.5 * both / (H * W))


def test_the_skin_is_drawn_where_the_fake_hid_it_and_the_clothes_do_not() -> None:
    given = batch()
    hidden = given.fake.mask.clone()
    hidden[..., *CLOTHES] = 0
    found = objective("student", losses("generator", skin_l1=1.0))(given)
    torch.testing.assert_close(found["total"], (given.person * hidden).abs().mean())


def test_a_tutor_is_trusted_by_how_the_worn_clothes_alone_are_warped() -> None:
    student = objective("student", losses("distillation", mode="adjustable"), generator=None)
    given = batch()
    truth = torch.zeros_like(given.person)
    truth[..., *CLOTHES] = given.person[..., *CLOTHES]
    # Right but for what nobody sees: nearer to the photo, not to its clothes.
    student.tutor.warp = Elsewhere(truth)
    student.net.warp = Elsewhere(given.person)
    assert student(given)["distillation_trusted"] == 1
    student.tutor.warp, student.net.warp = student.net.warp, student.tutor.warp
    assert student(given)["distillation_trusted"] == 0


class Elsewhere(Left):
    """A warp network whose warped garment is what it is told."""

    def __init__(self, garment: Tensor) -> None:
        super().__init__()
        self.garment = garment

    def forward(self, condition: Tensor, garment: Tensor, mask: Tensor) -> Warped:
        return super().forward(condition, garment, mask)._replace(garment=self.garment)


class Told(Gray):
    """A generator that keeps what it was told."""

    def forward(self, seen: Tensor) -> Rendered:
        self.seen = seen
        return super().forward(seen)


def told(role: str, given: StudentSample) -> Tensor:
    """What a generator in training is told, [B, channels, H, W]."""
    trained = objective(role, losses())
    trained.net.generator = Told()
    trained(given)
    return trained.net.generator.seen


def test_a_student_draws_from_the_fake_and_never_sees_the_photo() -> None:
    given = batch()
    expected = [given.fake.image, given.garment.image, left(given.garment.mask)]
    assert torch.equal(told("student", given), torch.cat(expected, dim=1))


def test_a_tutor_draws_the_limbs_that_the_clothes_do_not_cover() -> None:
    given = batch()
    arms = torch.full_like(given.annotation.body_parts, BodyPart.LEFT_FOREARM)
    given = given._replace(annotation=given.annotation._replace(body_parts=arms))
    bare = torch.ones(2, 1, H, W)
    bare[..., *CLOTHES] = 0
    assert torch.equal(told("tutor", given)[:, 7:], bare)


def test_a_garment_that_is_worn_as_it_lies_and_nothing_else_costs_nothing() -> None:
    given, worn = batch(), torch.zeros(2, 1, H, W)
    worn[..., *CLOTHES] = 1
    given = given._replace(garment=Garment(given.person * worn, worn))
    for weights in ({"l1": 1.0}, {"vgg": 1.0}, {"mask": 1.0}):
        found = objective("tutor", losses("warp", **weights), generator=None)(given)
        assert found["total"].item() == pytest.approx(0, abs=1e-5)


def test_only_the_network_trains() -> None:
    student = objective("student", losses()).train()
    assert student.net.training
    assert not any(m.training for part in (student.tutor, student.vgg) for m in part.modules())
    assert not student.net.eval().training


def test_a_student_starts_with_what_its_tutor_knows_of_garments_and_of_matching() -> None:
    torch.manual_seed(0)
    tutor, student = (TryOnNet(role, **TINY, generator=None) for role in ("tutor", "student"))
    inherit_warp(student, tutor)
    theirs = tutor.state_dict()
    same = {name for name, value in student.state_dict().items()
            if value.ndim == 4 and torch.equal(value, theirs[name])}  # fmt: skip
    parts = {".".join(name.split(".")[1:3]).partition(".levels")[0] for name in same}
    assert {part.removesuffix(".lateral").removesuffix(".smooth") for part in parts} == {
        "garment_encoder", "garment_fpn", "flow.match",
    }  # fmt: skip


def test_a_gray_try_on_of_a_gray_fake_has_changed_nothing() -> None:
    given = batch()
    none = torch.zeros_like(given.person)
    gray = given._replace(
        person=none + 1, fake=given.fake._replace(image=none), garment=Garment(none, none[:, :1])
    )
    assert objective("student", losses())(gray)["tryon_change"] == 0
