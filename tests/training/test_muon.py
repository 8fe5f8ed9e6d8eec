"""Muon: singular values of about one, by the formula, for the weights between first and last."""

from pathlib import Path

import pytest
import torch
from tinytrain import TINY, Samples, recipe, schedule, stop_after, tutor_objective, weights
from torch import Tensor, nn

from pfafn.fast.learn import quicken
from pfafn.kit.signals import Stopped
from pfafn.models.parser import Parser
from pfafn.models.tryon import TryOnNet
from pfafn.params.sections import Optimizer
from pfafn.training import resume
from pfafn.training.loop import fit
from pfafn.training.muon import MOMENTUM, QUINTIC, Muon, grouped, mixing, orthogonal
from pfafn.training.processes import start_fabric
from pfafn.training.resume import ResumePoint
from pfafn.training.trainer import Trainer

MUON = Optimizer(beta1=0.5, beta2=0.999, muon=20.0)
RATE = 0.01


def by_singular_values(matrix: Tensor) -> Tensor:
    """The iteration where it is a polynomial of numbers: on each singular value."""
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / matrix.norm()
    a, b, c = QUINTIC
    for _ in range(5):  # as published
        s = a * s + b * s**3 + c * s**5
    return (u @ torch.diag(s) @ v).float()


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def of(shapes: list[tuple[int, ...]], rate: float | Tensor = RATE) -> tuple[Muon, list[Tensor]]:
    """The optimizer of random weights."""
    made = [nn.Parameter(numbers(*shape, seed=i)) for i, shape in enumerate(shapes)]
    return Muon([{"params": made, "lr": rate, "orthogonal": True}], fused=True), made


def step(optimizer: Muon, made: list[Tensor], seed: int) -> list[Tensor]:
    """Random gradients, with which a step was made."""
    gradients = [numbers(*weight.shape, seed=seed + i) for i, weight in enumerate(made)]
    for weight, gradient in zip(made, gradients, strict=True):
        weight.grad = gradient.clone()
    optimizer.step()
    return gradients


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (9, 9)], ids=str)
def test_a_matrix_keeps_its_singular_vectors_and_gets_values_about_one(shape: tuple) -> None:
    u, _, v = torch.linalg.svd(numbers(*shape), full_matrices=False)
    matrix = u @ torch.diag(torch.logspace(0, -1.5, min(shape))) @ v
    (found,) = orthogonal(matrix[None])
    torch.testing.assert_close(found, by_singular_values(matrix), rtol=0, atol=1e-4)
    kept = (u.mT @ found @ v.mT).diagonal()
    assert kept.min() > 0.65 and kept.max() < 1.25


def test_what_does_not_learn_stands_still() -> None:
    assert not orthogonal(torch.zeros(2, 3, 5)).any()


@pytest.mark.parametrize("shape", [(4, 3, 3, 2), (24, 2, 3, 1)], ids=str)
def test_two_steps_are_those_of_the_formula(shape: tuple) -> None:
    optimizer, (weight,) = of([shape])
    expected, moment = weight.detach().clone().flatten(1), torch.zeros(shape).flatten(1)
    for seed in (10, 20):
        (gradient,) = step(optimizer, [weight], seed)
        moment = MOMENTUM * moment + gradient.flatten(1)
        change = by_singular_values(gradient.flatten(1) + MOMENTUM * moment)
        expected = expected - RATE * max(1, shape[0] / moment.shape[1]) ** 0.5 * change
    torch.testing.assert_close(weight.flatten(1), expected, rtol=0, atol=1e-5)


def test_weights_of_one_shape_are_changed_as_each_alone() -> None:
    shapes = [(4, 3, 3, 3), (5, 4, 1, 1), (4, 3, 3, 3)]
    optimizer, made = of(shapes)
    gradients = step(optimizer, made, 10)
    for i, (weight, gradient) in enumerate(zip(made, gradients, strict=True)):
        alone = nn.Parameter(numbers(*shapes[i], seed=i))
        alone.grad = gradient
        Muon([{"params": [alone], "lr": RATE, "orthogonal": True}]).step()
        torch.testing.assert_close(weight, alone)


def test_a_rate_that_is_a_tensor_is_read_anew_and_does_the_same_to_the_bit() -> None:
    rate = torch.tensor(RATE)
    (one, told), (other, read) = of([(4, 3, 3, 3)]), of([(4, 3, 3, 3)], rate)
    for seed, lower in ((10, 1.0), (20, 0.5)):
        one.param_groups[0]["lr"] = RATE * lower
        rate.fill_(RATE * lower)
        step(one, told, seed)
        step(other, read, seed)
        assert torch.equal(told[0], read[0])


def test_a_broken_gradient_changes_neither_weights_nor_momentum() -> None:
    optimizer, (weight,) = of([(4, 3, 3, 3)])
    optimizer.found_inf = torch.zeros(())
    step(optimizer, [weight], 10)
    momentum = optimizer.state[weight]["momentum"]
    before = weight.detach().clone(), momentum.clone()
    optimizer.found_inf.fill_(1)
    weight.grad = torch.full_like(weight, torch.nan)
    optimizer.step()
    assert torch.equal(weight, before[0]) and torch.equal(momentum, before[1])


def test_sound_steps_are_the_same_whether_they_are_looked_at_or_not() -> None:
    (one, plain), (other, looked_at) = of([(4, 3, 3, 3)]), of([(4, 3, 3, 3)])
    other.found_inf = torch.zeros(())
    for seed in (10, 20):
        step(one, plain, seed)
        step(other, looked_at, seed)
    assert torch.equal(plain[0], looked_at[0])


def test_the_other_weights_are_adams_to_the_bit() -> None:
    layers = [nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)]
    layers[1].load_state_dict(layers[0].state_dict())
    beside = nn.Parameter(torch.ones(2, 2))
    groups = [{"params": layers[0].parameters()}, {"params": [beside], "orthogonal": True}]
    ours = Muon(groups, lr=RATE, betas=(0.5, 0.999), fused=True)
    adam = torch.optim.Adam(layers[1].parameters(), lr=RATE, betas=(0.5, 0.999), fused=True)
    for seed in (1, 2):
        beside.grad = torch.ones(2, 2)
        for layer, optimizer in zip(layers, (ours, adam), strict=True):
            layer(numbers(1, 3, 5, 4, seed=seed)).square().sum().backward()
            optimizer.step()
    assert all(map(torch.equal, layers[0].parameters(), layers[1].parameters()))


@pytest.mark.parametrize(("role", "also"), [
    ("tutor", set()), ("student", {"warp.person_encoder.levels.0.0.block.2.weight"}),
])  # fmt: skip
def test_it_is_for_all_convolutions_but_those_that_read_colours_or_say_colours_and_flows(
    role: str, also: set[str]
) -> None:
    net = TryOnNet(role, **TINY, generator=4)
    chosen = mixing(net)
    others = {n for n, p in net.named_parameters() if p.ndim == 4 and p not in chosen}
    heads = {f"warp.flow.{kind}.{i}.6.weight" for kind in ("match", "refine") for i in range(5)}
    ends = {"warp.garment_encoder.levels.0.0.block.2.weight", "generator.downs.0.0.weight"}
    assert others == heads | ends | also | {"generator.last.1.weight"}
    assert {weight.ndim for weight in chosen} == {4}
    quicken(net)
    assert mixing(net) == chosen


def test_they_learn_at_their_multiple_of_a_parts_rate_and_nothing_is_lost() -> None:
    net = TryOnNet("tutor", **TINY, generator=4)
    parts = ((net.warp, 1.0), (net.generator, 0.1))
    groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in parts]
    made = grouped(net, groups, 20.0)
    assert [group["lr"] for group in made] == [1.0, 20.0, 0.1, 2.0]
    assert [group["orthogonal"] for group in made] == [False, True] * 2
    assert sorted(id(p) for g in made for p in g["params"]) == sorted(map(id, net.parameters()))


@pytest.mark.parametrize("muon", [0.0, 20.0])
def test_without_it_a_training_has_torchs_adam(muon: float) -> None:
    adam = MUON.model_copy(update={"muon": muon})
    trainer = Trainer(start_fabric(), recipe(tutor_objective(), schedule()), adam, per_epoch=1)
    assert type(trainer.optimizer.optimizer) is (Muon if muon else torch.optim.Adam)
    assert len(trainer.optimizer.param_groups) == (2 if muon else 1)


def test_a_parser_of_photos_learns_by_adam_alone() -> None:
    assert not mixing(Parser(8))


def test_a_resume_point_has_the_momentum_and_goes_on_to_the_bit(tmp_path: Path) -> None:
    def begun() -> tuple[nn.Module, Muon]:
        torch.manual_seed(0)
        net = nn.Conv2d(4, 5, 3).to(memory_format=torch.channels_last)
        groups = [{"params": [net.bias]}, {"params": [net.weight], "orthogonal": True}]
        return net, Muon(groups, lr=RATE, fused=True)

    net, optimizer = begun()
    step(optimizer, [*net.parameters()], 10)
    resume.save(tmp_path, resume.copied(resume.state(net, optimizer), {}), ResumePoint(1, {}, 0.0))
    other, resumed = begun()
    resume.read(tmp_path).restore(other, resumed)
    for made, its in ((net, optimizer), (other, resumed)):
        step(its, [*made.parameters()], 20)
    assert all(map(torch.equal, net.parameters(), other.parameters()))


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 3])
def test_a_stopped_training_resumes_to_the_bit_before_and_after_a_thaw(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(work: Path) -> dict[str, Tensor]:
        objective = tutor_objective()
        frozen = {"frozen": (objective.net.warp.garment_encoder,), "frozen_epochs": 1}
        made = recipe(objective, schedule(epochs=1, decay=1))._replace(**frozen)
        fit(made, Samples(), MUON, seed=3, work=work, name="tutor_warp")
        return weights(objective)

    straight = train(tmp_path / "straight")
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, steps)
        train(tmp_path / "work")
    torch.testing.assert_close(train(tmp_path / "work"), straight, rtol=0, atol=0)
