"""Made quick, a network that learns computes and learns what its definition says."""

import copy

import torch
from torch import Tensor

from pfafn.fast.learn import quicken
from pfafn.models.tryon import TryOnNet

H, W = 64, 96
TINY = {"channels": [4, 8, 8, 8, 8], "fpn": 8, "generator": 4}


def network() -> TryOnNet:
    """Its flows move by some pixels, as trained ones do."""
    torch.manual_seed(0)
    net = TryOnNet("student", **TINY)
    for head in (*net.warp.flow.match, *net.warp.flow.refine):
        torch.nn.init.uniform_(head[-1].bias, -3, 3)
    return net


def both() -> tuple[TryOnNet, TryOnNet]:
    """A network as it reads, and quick."""
    net = network()
    quick = copy.deepcopy(net)
    quicken(quick)
    return net, quick


def inputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    person, garment = torch.rand(2, 2, 3, H, W, dtype=dtype) * 2 - 1
    return person, garment, torch.ones(2, 1, H, W, dtype=dtype)


def test_outputs_and_gradients_are_those_of_the_definition() -> None:
    learnt = []
    for net in both():
        worn = net.double().train().wear(*inputs(torch.double))
        (worn.image.square().mean() + worn.warped.alignment.grid.square().mean()).backward()
        learnt.append({name: p.grad for name, p in net.named_parameters()} | {"image": worn.image})
    read, quick = learnt
    assert quick.keys() == read.keys()
    for name, value in read.items():
        torch.testing.assert_close(quick[name], value, rtol=1e-6, atol=1e-9, msg=name)


def test_weights_their_names_and_their_order_stay() -> None:
    read, quick = both()
    assert list(quick.state_dict()) == list(read.state_dict())
    assert [name for name, _ in quick.named_parameters()] == [n for n, _ in read.named_parameters()]
    assert all(torch.equal(quick.state_dict()[k], v) for k, v in read.state_dict().items())


def test_in_lower_precision_flow_and_colours_stay_exact() -> None:
    _, quick = both()
    with torch.autocast("cpu", torch.bfloat16):
        worn = quick.train().wear(*inputs())
    said = [worn.rendered, *worn.warped.alignment.match, *worn.warped.alignment.refine]
    assert {each.dtype for each in said} == {torch.float32}


def test_the_definition_itself_also_computes_in_lower_precision() -> None:
    read, quick = both()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        a, b = (net.eval().wear(*inputs()).image for net in (read, quick))
    assert (a.float() - b.float()).abs().mean() < 0.05
