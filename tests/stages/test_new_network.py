"""What a network is before it has learnt anything."""

import tinyset
import torch
from torch import Tensor

from pfafn.stages.train import new_network


def drawn(stage: str) -> Tensor:
    net = new_network(tinyset.params(), "student", stage, None)
    return net.warp.flow.match[0][0].weight


def test_each_stage_draws_its_own_weights_and_the_same_each_time() -> None:
    first = drawn("student_warp")
    assert first.equal(drawn("student_warp"))
    assert not first.equal(drawn("student_tryon"))


def test_a_whole_network_begins_with_the_warp_it_is_given() -> None:
    warp = new_network(tinyset.params(), "student", "student_warp")
    whole = new_network(tinyset.params(), "student", "student_tryon", warp)
    assert warp.generator is None and whole.generator is not None
    for name, value in warp.warp.state_dict().items():
        assert torch.equal(whole.warp.state_dict()[name], value)
