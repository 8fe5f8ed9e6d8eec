"""Compiled, networks compute and teach what they do as they read.

The compiler is asked for what it was told to compute, and has torch compute that: what it makes of
it on a GPU is looked at there, by `make gpu`.
"""

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from benchmarks.schedule import prepared
from benchmarks.subject import TINY, batch, network
from benchmarks.training import PAPER
from pfafn.fast import deploy
from pfafn.fast.learn import compile_parts, quicken
from pfafn.inference import TryOn
from pfafn.inference.deployed import DeployedTryOn
from pfafn.models.inputs import Garment
from pfafn.params.file import Params
from pfafn.samples.sample import StudentSample

BACKEND = "aot_eager"
SIZE = (64, 96)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*lru_cache:UserWarning"),  # constants, as they should be
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning"),
]


def exactly(sample: StudentSample) -> StudentSample:
    return tree_map(lambda x: x.double() if x.is_floating_point() else x, sample)


def learnt(stage: str, compiled: bool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Loss terms and gradients of a batch."""
    objective = prepared(Params.load(PAPER), stage, TINY).objective.double()
    quicken(objective)
    if compiled:
        compile_parts(objective, BACKEND)
    terms = objective.train()(exactly(batch(2, SIZE)), late=False)
    terms["total"].backward()
    grads = {n: p.grad for n, p in objective.net.named_parameters() if p.grad is not None}
    return {name: value.detach() for name, value in terms.items()}, grads


@pytest.mark.parametrize("stage", ["tutor_tryon", "student_warp"])
def test_a_training_stage_learns_the_same_compiled(stage: str) -> None:
    torch.compiler.reset()
    (terms, grads), (others, other) = learnt(stage, compiled=False), learnt(stage, compiled=True)
    assert grads.keys() == other.keys()
    for own, found in ((terms, others), (grads, other)):
        for name, value in own.items():
            torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-9, msg=name)


@torch.inference_mode()
def test_a_try_on_is_the_same_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.compiler.reset()
    monkeypatch.setattr(deploy, "can_pack", lambda dtype: False)  # as on a GPU
    person, garment = torch.rand(2, 1, 3, *SIZE) * 2 - 1
    given = person, Garment(garment, torch.ones(1, 1, *SIZE))
    plain = TryOn(network("student", TINY), SIZE)._alone(*given)
    monkeypatch.setattr(
        DeployedTryOn,
        "quick",
        lambda self, part: torch.compile(part, fullgraph=True, backend=BACKEND),
    )
    found = TryOn(network("student", TINY), SIZE)._alone(*given)
    for name, same in plain._asdict().items():
        off = (getattr(found, name).float() - same.float()).abs().max()
        assert off <= (1e-3 if name == "grid" else 1), name  # halves of a picture, shades
