"""One training step of each regime gives the published losses and gradients, in float64."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import parity
import pytest
import torch
from parity import TRAINING, cases, fixture
from tinytrain import mapped

from pfafn.learning.student import StudentObjective
from pfafn.learning.tutor import TutorObjective
from pfafn.models.redress import redress
from pfafn.models.tryon import TryOnNet
from pfafn.models.vgg import VGG19
from pfafn.params.file import Params
from pfafn.samples.sample import Fake, StudentSample
from pfafn.weights.official import WARP_NAMES, generator_names, rename

PAPER = Path(__file__).parents[2] / "profiles" / "paper.yaml"
REGIMES = {
    "pbafn_stage1": ("tutor", False), "pbafn_e2e": ("tutor", True),
    "pfafn_stage1": ("student", False), "pfafn_e2e": ("student", True),
    "pfafn_e2e_half2": ("student", True),
}  # fmt: skip
LONG = ("pfafn_e2e_half2",)  # as pfafn_e2e, under other weights of two losses
RTOL = 1e-5


@pytest.fixture(scope="module", autouse=True)
def drawn_once() -> Iterator[None]:
    """Tens of millions of weights take a third of the time; they go when the last test is done."""
    yield
    for drawn in (network, vgg19):
        drawn.cache_clear()


@cache
def network(role: str, folder: Path) -> TryOnNet:
    """To be copied only."""
    return parity.network(role, folder, TRAINING)


@cache
def vgg19(folder: Path) -> VGG19:
    """Nothing in it is learnt, or counts."""
    return parity.vgg19(folder).double()


def step(regime: str, folder: Path, size: str) -> tuple[dict, torch.nn.Module]:
    """Terms and the network after one backward pass under the fixture's weights."""
    role, whole = REGIMES[regime]
    params = Params.load(PAPER)
    weight = getattr(params, f"{role}_tryon").warp_weight if whole else 1.0
    height, width = map(int, size.split("x"))
    seed = parity.seeds(folder)["inputs"][f"train_{size}"]
    arrays = parity.helper("inputs").make_batch(seed, 2, height, width)
    batch = mapped(parity.double, parity.batch(arrays))
    net = deepcopy(network(role, folder)).double()
    if not whole:
        net.generator = None
    vgg = vgg19(folder)
    if role == "student":
        tutor = deepcopy(network("tutor", folder)).double()
        other = mapped(parity.double, parity.unpaired(arrays))
        worn = redress(tutor, batch.person, batch.annotation, other)
        batch = StudentSample(*batch, Fake(worn.image, worn.warped.mask))
        objective = StudentObjective(net, tutor, params.losses, vgg, weight)
    else:
        objective = TutorObjective(net, params.losses, vgg, weight)
    terms = objective.train()(batch, late=regime.endswith("half2"))
    terms["total"].backward()
    return terms, net


def expected_terms(data: dict) -> dict[str, float]:
    """The fixture's scalars under our names, as far as it has them."""
    names = {
        "total": "total", "warp": "warp_total", "warp_l1": "l1", "warp_vgg": "vgg",
        "warp_mask": "edge", "generator": "gen_total", "generator_l1": "gen_loss_l1",
        "generator_vgg": "gen_loss_vgg", "generator_rendered_l1": "gen_bg_loss_l1",
        "generator_rendered_vgg": "gen_bg_loss_vgg", "generator_mask": "gen_loss_mask_l1",
        "generator_skin_l1": "gen_loss_l1_skin", "generator_skin_vgg": "gen_loss_vgg_skin",
        "distillation_features": "loss_fea_sup_all", "distillation_flow": "loss_flow_sup_all",
        "distillation_trusted": "gate_weight",
    }  # fmt: skip
    found = {k: data[f"{v}__f64"] for k, v in names.items() if f"{v}__f64" in data}
    found["warp_second_order"] = data["flow_x__f64"] + data["flow_y__f64"]
    if "distillation_trusted" in found:
        found["distillation_trusted"] = np.mean(found["distillation_trusted"])
    return {k: float(np.atleast_1d(v)[-1]) for k, v in found.items()}


def steps() -> list[pytest.ParameterSet]:
    """Every regime at every size there is; some take too long for each time."""
    return [
        pytest.param(
            regime, *case.values, id=f"{regime}-{case.id}",
            marks=[pytest.mark.slow] if "256x192" in case.values or regime in LONG else [],
        )
        for regime in REGIMES
        for case in cases(f"train_{regime}", "grad_norms__f64")
    ]  # fmt: skip


@pytest.mark.parametrize(("regime", "folder", "size"), steps())
def test_parity_of_every_loss_term_and_gradient_norm(regime: str, folder: Path, size: str) -> None:
    data = fixture(folder, f"train_{regime}", size)
    terms, net = step(regime, folder, size)
    for name, value in expected_terms(data).items():
        assert terms[name].item() == pytest.approx(value, rel=RTOL, abs=1e-12), name

    norms = {}
    for part, names in (("warp", WARP_NAMES), ("gen", generator_names())):
        flip = tuple((ours, theirs) for theirs, ours in names)
        module = net.warp if part == "warp" else net.generator
        for key, parameter in module.named_parameters() if module else ():
            norms[f"{part}_{net.role}:{rename(key, flip)}"] = parameter.grad.norm().item()
    wanted = dict(zip(data["grad_names"].tolist(), data["grad_norms__f64"].tolist(), strict=True))
    assert norms == pytest.approx(wanted, rel=RTOL, abs=1e-12)
