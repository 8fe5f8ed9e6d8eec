"""What is minimised: every weight multiplies its own term, every mask is the one that is meant."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from tinytrain import LOSSES, TINY, H, W, collated
from torch import Tensor, nn

from pfafn.learning import distillation
from pfafn.learning import objective as shared
from pfafn.learning.losses import WarpTerms, misjudged, misplaced, unchanged
from pfafn.learning.objective import Objective
from pfafn.learning.student import StudentObjective, inherit_warp
from pfafn.learning.tutor import TutorObjective
from pfafn.models.generator import Rendered
from pfafn.models.geometry import grid_of
from pfafn.models.inputs import Garment
from pfafn.models.parts import BodyPart
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import Alignment, Warped
from pfafn.params.sections import Losses
from pfafn.samples.sample import StudentSample

CLOTHES = (slice(16, 48), slice(32, 64))  # rows, columns of the clothes of tinytrain's people
KEPT = 0.75  # of the warped garment, by the composition mask


def left(like: Tensor) -> Tensor:
    """The mask of the picture's left half, of which half is there to a half."""
    mask = torch.zeros_like(like)
    mask[..., : W // 2] = 1
    mask[..., W // 4 : W // 2] = 0.5
    return mask


class Left(nn.Module):
    """A warp network that puts the garment on the picture's left half, as it lies."""

    def forward(self, condition: Tensor, garment: Tensor, mask: Tensor) -> Warped:
        batch = len(garment)
        offsets = [torch.zeros(batch, 2, H >> n, W >> n) for n in (4, 3, 2, 1, 0)]
        grids = [grid_of(offset) for offset in offsets]
        pyramid = [offset.sum(dim=1, keepdim=True) for offset in offsets]
        return Warped(garment, left(mask), Alignment(grids, offsets, offsets), pyramid)


class Gray(nn.Module):
    """A generator that draws gray, and keeps a share of the garment everywhere."""

    def forward(self, seen: Tensor) -> Rendered:
        return Rendered(seen[:, :3] * 0, torch.full_like(seen[:, :1], KEPT))


class Square(nn.Module):
    """A perceptual distance that is the mean square."""

    def target(self, image: Tensor) -> list[Tensor]:
        return [image]

    def distance(self, image: Tensor, target: Tensor | list[Tensor]) -> Tensor:
        wanted = target[0] if isinstance(target, list) else target
        return (image - wanted).square().mean()


def network(role: str, generator: int | None = 2) -> TryOnNet:
    torch.manual_seed(0)
    net = TryOnNet(role, **TINY, generator=generator)
    net.warp = Left()
    if generator:
        net.generator = Gray()
    return net


def objective(role: str, losses: Losses, *, generator: int | None = 2, **more: float) -> Objective:
    if role == "tutor":
        return TutorObjective(network(role, generator), losses, Square(), **more)
    return StudentObjective(network(role, generator), network("tutor"), losses, Square(), **more)


def batch() -> StudentSample:
    return collated(2)


def losses(section: str = "", **weights: float | str) -> Losses:
    """All weights zero, skin alike early and late, no guidance; but for those that are given."""
    plain = LOSSES.model_dump()
    silent = {s: dict.fromkeys(names, 0.0) for s, names in plain.items()}
    silent["generator"]["skin_late"] = 1.0
    silent["distillation"]["mode"] = "none"
    if section:
        silent[section] |= weights
    return Losses.model_validate(silent)


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
    found = objective("tutor", losses("generator", occlusion=1.0))(batch())
    expected = misplaced(torch.full_like(clothes, KEPT), left(clothes), clothes)
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


class Keeping(Gray):
    """A generator that keeps what it is told of the photo."""

    def __init__(self, keep: Tensor) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, seen: Tensor) -> Rendered:
        return super().forward(seen)._replace(keep=self.keep)


def keeping(kept: Tensor, section: str = "", *, keep: float = 0.0, **weights: float) -> Objective:
    student = objective("student", losses(section, **weights), keep=keep)
    student.net.generator = Keeping(kept)
    return student


def beside(rows: int) -> Tensor:
    """The uppermost rows, but for the clothes and the pixel around them: [2, 1, H, W] in {0, 1}."""
    true = torch.zeros(2, 1, H, W)
    true[..., :rows, :] = 1
    true[..., CLOTHES[0].start - 1 : CLOTHES[0].stop + 1,
         CLOTHES[1].start - 1 : CLOTHES[1].stop + 1] = 0  # fmt: skip
    return true


def faked_below(rows: int) -> StudentSample:
    """Fakes that show the photo in their uppermost rows."""
    given = batch()
    image = torch.cat([given.person[:, :, :rows], given.fake.image[:, :, rows:]], dim=2)
    return given._replace(fake=given.fake._replace(image=image))


@pytest.mark.parametrize("rows", [H // 2, H])  # at last a photo stands for the fake
def test_the_photo_is_to_be_kept_where_the_fake_shows_it_beside_the_clothes(rows: int) -> None:
    given, true = faked_below(rows), beside(rows)
    assert keeping(true, keep=1.0)(given)["total"].item() == pytest.approx(0, abs=1e-3)
    for wrong in (20, slice(40, 60)), (5, slice(W)):  # within the clothes, beside them
        kept = true.clone()
        kept[:, 0, *wrong] = 1 - kept[:, 0, *wrong]
        assert keeping(kept, keep=1.0)(given)["total"].item() > 2e-3, wrong


def test_the_weight_multiplies_what_it_costs_to_keep_too_much_or_too_little() -> None:
    given, half = faked_below(H // 2), torch.full((2, 1, H, W), 0.5)
    found = keeping(half, keep=3.0)(given)
    assert found["generator_keep"] == found["total"]
    assert found["total"].item() == pytest.approx(3 * math.log(2), rel=1e-3)


def test_in_training_the_photo_shows_only_where_it_should() -> None:
    given, true = faked_below(H // 2), beside(H // 2)
    given = given._replace(garment=Garment(given.garment.image * 0, given.garment.mask))
    found = keeping(torch.full_like(true, 0.8), "generator", l1=1.0)(given)["generator_l1"]
    shown = 0.8 * true * given.person  # drawing and garment are gray
    torch.testing.assert_close(found, (shown - given.person).abs().mean())


def test_old_sleeves_count_as_much_as_all_that_stays_and_all_that_the_garment_covers() -> None:
    true, garment = torch.zeros(2, 1, 1, 8, 8)
    true[..., :6, :] = 1  # 48 pixels stay
    garment[..., 6, :] = garment[..., 7, :6] = 1  # of the others 14 are covered, 2 are not
    keep = torch.full_like(true, 0.5)
    keep[..., 7, 6:] = 0.9
    expected = (2 * math.log(2) - math.log(1 - 0.9)) / 3
    assert misjudged(keep, true, garment).item() == pytest.approx(expected, rel=1e-3)


def test_a_shade_of_difference_is_one() -> None:
    shades = torch.arange(256.0).view(1, 1, 16, 16).expand(1, 3, 16, 16) / 127.5 - 1
    darker = torch.cat([shades[:, :1], shades[:, 1:2] - 1 / 127.5, shades[:, 2:]], dim=1)
    assert unchanged(shades, shades).all()
    assert not unchanged(darker, shades).any()


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
