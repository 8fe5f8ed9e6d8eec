"""Computed again for its gradient, a network learns the same."""

import copy

import pytest
import torch
from tinytrain import schedule, train, tutor_objective, weights
from torch import Tensor, nn

from pfafn.fast.recompute import recompute
from pfafn.models import vgg
from pfafn.models.tryon import TryOnNet

H, W = 64, 96


def step(net: nn.Module, dtype: torch.dtype) -> tuple[dict[str, Tensor], int]:
    """Gradients and buffers after a backward pass, and the bytes kept for it outside of blocks."""
    torch.manual_seed(1)
    person, garment = torch.rand(2, 2, 3, H, W) * 2 - 1
    kept = 0

    def count(value: Tensor) -> Tensor:
        nonlocal kept
        kept += value.nbytes
        return value

    lower = torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda value: value), lower:
        worn = net["tryon"].wear(person, garment, torch.ones(2, 1, H, W))
        loss = worn.image.square().mean() + net["vgg"].distance(worn.image, person)
    loss.backward()
    found = {name: p.grad for name, p in net.named_parameters() if p.requires_grad}
    return found | dict(net.named_buffers()), kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_and_running_statistics_are_the_same_and_less_is_kept(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = tuple(width if isinstance(width, str) else width // 16 for width in vgg.WIDTHS)
    monkeypatch.setattr(vgg, "WIDTHS", narrow)
    torch.manual_seed(0)
    tryon = TryOnNet("student", [4, 8, 8, 8, 8], 8, 4)
    net = nn.ModuleDict({"tryon": tryon, "vgg": vgg.VGG19()}).train()
    other = copy.deepcopy(net)
    recompute(other)
    (expected, most), (found, kept) = step(net, dtype), step(other, dtype)
    assert kept < 0.8 * most
    assert found.keys() == expected.keys()
    different = [name for name, value in expected.items() if not torch.equal(found[name], value)]
    assert different == []


def test_a_training_that_computes_twice_ends_at_the_same_weights(tmp_path) -> None:
    found = []
    for prepared in (lambda net: None, recompute):
        objective = tutor_objective(generator=4)
        prepared(objective)
        train(objective, schedule(epochs=1, decay=0), tmp_path / prepared.__name__)
        found.append(weights(objective))
    expected, again = found
    assert all(torch.equal(again[name], value) for name, value in expected.items())
