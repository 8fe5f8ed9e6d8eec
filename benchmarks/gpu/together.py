"""What several processes do that train together, by one: their start, DDP, joint sums and norms.

One process cannot show that two agree. It shows that DDP, its communication library and what goes
over it run on this device, and that a training by them is that of one alone.
"""

import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest.mock import patch

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn

from benchmarks.gpu.findings import Check, Found
from benchmarks.gpu.parity import within
from benchmarks.gpu.trainings import compared, train
from pfafn.kit.joint import _Gather, join_batch_norms
from pfafn.training.processes import Layout, agreed, joined


@cache
def fabric() -> Fabric:
    """As of several processes, of which there is one."""
    return joined(Layout(1, 1, LightningEnvironment()))


def checks(device: torch.device) -> Iterator[Check]:
    yield "starts", lambda: Found(f"{type(fabric().strategy).__name__} on {fabric().device}", True)
    yield "joint values", gathered
    yield "joint batch norms", normed
    yield "agrees to stop", lambda: Found("SIGTERM", agreed(fabric(), 15) == 15)
    yield "a training is that of one alone", trained


def gathered() -> Found:
    """Of one process its own, and so is what they learn."""
    own = torch.rand(3, 5, device=fabric().device, requires_grad=True)
    all_of_them = _Gather.apply(own)
    weight = torch.rand_like(all_of_them)
    (all_of_them * weight).sum().backward()
    same = torch.equal(all_of_them, own[None]) and torch.equal(own.grad, weight[0])
    return Found("gathered, and their gradients", same)


def normed() -> Found:
    """A norm over the joint batch is the usual one."""
    device = fabric().device
    x = torch.randn(4, 6, 5, 7, device=device) * 3 + 1
    usual, joint = (nn.Sequential(nn.BatchNorm2d(6)).to(device) for _ in range(2))
    join_batch_norms(joint, device.type)
    found = within(joint(x), usual(x), 1e-5)
    same = torch.allclose(joint[0].running_var, usual[0].running_var, rtol=1e-5)
    return found._replace(passed=found.passed and same)


def trained() -> Found:
    """Nothing is recorded, as several processes do not."""
    with tempfile.TemporaryDirectory() as work, patch.dict(os.environ, PFAFN_GRAPH="0"):
        return compared(train(Path(work), fabric=fabric()))
