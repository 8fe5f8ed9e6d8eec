"""Do the networks compute on the device what they compute on a CPU: in float64, or as published.

Real fp32 is without TF32, in which a GPU rounds what it multiplies to 10 bits. torch allows that
for convolutions, and nothing here forbids it: fp32 on a GPU is as exact as the lines with TF32 say.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.gpu.findings import Check, Found
from benchmarks.gpu.scale import in_precision, scale_of
from benchmarks.inference import inputs
from benchmarks.schedule import prepared
from benchmarks.subject import QUICK, batch, network
from benchmarks.training import PAPER
from benchmarks.variants import PLAIN, computing, formed, networks, plain
from pfafn.fast.learn import quicken
from pfafn.models.redress import redress
from pfafn.params.file import Params
from pfafn.photos.tensors import to_device

TESTS = Path(__file__).parents[2] / "tests"


class Form(NamedTuple):
    """How something is computed, and how far from the truth it may be on [-1, 1]."""

    variant: str
    tf32: bool
    largest: float
    mean: float


FORMS = {
    "real fp32, as the definition reads": Form(PLAIN, False, 1e-3, 1e-5),
    "real fp32, made fast": Form("fp32", False, 1e-3, 1e-5),
    "fp32 with TF32, as the definition reads": Form(PLAIN, True, 5e-2, 1e-3),
    "fp32 with TF32, made fast": Form("fp32", True, 5e-2, 1e-3),
    "bf16, made fast": Form("bf16", True, 0.5, 5e-3),
}
# A tutor's: a student's guidance asks which of two is nearer to the truth, and jumps.
# Its warp's: the norms of so small a generator let rounding errors grow.
STAGE = "tutor_warp"
GRADIENT = {  # TF32, bf16, and how far from the truth, of its length
    "real fp32": (False, False, 2e-2),
    "fp32 with TF32": (True, False, 0.2),
    "bf16": (True, True, 1.0),
}


def checks(device: torch.device) -> Iterator[Check]:
    for case, form in FORMS.items():
        yield f"student's try-on, {case}", partial(tryon, form, device)
    for case, how in GRADIENT.items():
        yield f"gradient of {STAGE}, {case}", partial(gradient, *how, device)
    for role in ("student", "tutor"):
        yield f"published numbers, {role}, real fp32", partial(published, role, device)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether convolutions may be computed in TF32, for a while."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def within(found: Tensor, expected: Tensor, largest: float, mean: float = torch.inf) -> Found:
    """How far two tensors are from each other, and whether that is within bounds."""
    off = (found.cpu().double() - expected.cpu().double()).abs()
    numbers = {"largest": off.max().item(), "mean": off.mean().item()}
    told = f"off by {numbers['largest']:.1e} at most, {numbers['mean']:.1e} in the mean"
    bounds = f"; up to {largest:.0e}" + (f" and {mean:.0e}" if mean < torch.inf else "")
    passed = numbers["largest"] <= largest and numbers["mean"] <= mean
    return Found(told + bounds, passed, numbers)


@cache
def reference(device: torch.device) -> Tensor:
    """The try-on in float64 on the CPU, as large as that device is asked for."""
    scale = scale_of(device)
    given = [each.double() for each in inputs(1, scale.size, torch.device("cpu"))]
    with torch.inference_mode():
        return plain(network("student", scale.widths)).double().wear(*given).image


def tryon(form: Form, device: torch.device) -> Found:
    scale = scale_of(device)
    nets = networks(network("student", scale.widths), device, (form.variant,))
    net, dtype = nets[form.variant]
    with tf32(form.tf32), computing(device, dtype):
        found = net.wear(*formed(inputs(1, scale.size, device), form.variant)).image
    return within(found, reference(device), form.largest, form.mean)


def learnt(device: torch.device, dtype: torch.dtype, lower: bool, fast: bool) -> Tensor:
    """All gradients of a step of the stage, of small networks, as one vector."""
    objective = prepared(Params.load(PAPER), STAGE, QUICK.widths).objective
    if fast:
        quicken(objective)
    objective.to(device, dtype, memory_format=torch.channels_last).train()
    given = to_device(in_precision(batch(2, QUICK.size), dtype), device)
    with torch.autocast(device.type, torch.bfloat16, enabled=lower):
        objective(given)["total"].backward()
    grads = [p.grad.flatten().cpu().double() for p in objective.net.parameters()]
    return torch.cat(grads)


@cache
def true_gradient() -> Tensor:
    return learnt(torch.device("cpu"), torch.float64, lower=False, fast=False)


def gradient(allowed: bool, lower: bool, bound: float, device: torch.device) -> Found:
    with tf32(allowed):
        found = learnt(device, torch.float32, lower, fast=True)
    off = ((found - true_gradient()).norm() / true_gradient().norm()).item()
    return Found(f"off by {off:.1e} of its length; up to {bound:.0e}", off <= bound, {"off": off})


@torch.inference_mode()
def published(role: str, device: torch.device) -> Found:
    """The fixtures' try-ons, at all sizes: made by the published code under seeded weights."""
    sys.path.insert(0, str(TESTS))
    import parity

    found, expected = [], []
    for folder in parity.SEEDS:
        for size in sorted({p.stem.split("_")[1] for p in folder.glob(f"{role}_*.npz")}):
            data = parity.fixture(folder, role, size)
            name = "tryon" if role == "student" else "tryon_un"
            if name not in data:
                continue
            net = parity.network(role, folder, parity.INFERENCE).to(device)
            with tf32(False):
                if role == "student":
                    own = parity.mask(data["edge"])
                    given = parity.image(data["person"]), parity.image(data["cloth"]) * own, own
                    worn = net.wear(*(each.to(device) for each in given))
                else:
                    own = parity.batch(data)
                    told = own.person, own.annotation, parity.unpaired(data)
                    worn = redress(net, *(to_device(each, device) for each in told))
            found.append(worn.image.flatten().cpu())
            expected.append(torch.from_numpy(data[name]).flatten())
    return within(torch.cat(found), torch.cat(expected), 1e-3)
