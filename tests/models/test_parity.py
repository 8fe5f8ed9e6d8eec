"""The networks give the published numbers under the published weights."""

from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import parity
import pytest
import torch
from parity import FIXTURES, INFERENCE, cases, fixture

from pfafn.fast.correlation import cost_volume
from pfafn.inference import TryOn
from pfafn.models.geometry import compose, grid_of, total_variation, upsample
from pfafn.models.redress import redress
from pfafn.models.representation import Represented, pose_map, represent
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.samples.sample import TutorSample

FLOW, IMAGE = {"atol": 1e-5, "rtol": 0}, {"atol": 3e-4, "rtol": 0}
students = pytest.mark.parametrize(("folder", "size"), cases("student", "tryon"))
tutors = pytest.mark.parametrize(("folder", "size"), cases("tutor", "tryon_un"))


@cache
@torch.inference_mode(False)  # tests outside that mode use the same one
def network(role: str, folder: Path) -> TryOnNet:
    return parity.network(role, folder, INFERENCE)


def close(found: torch.Tensor, expected: np.ndarray, **tolerance: float) -> None:
    torch.testing.assert_close(found, torch.from_numpy(expected).to(found), **tolerance)


def close_to_worn(worn: Worn, data: dict[str, np.ndarray], which: str = "") -> None:
    """A try-on is the fixture's; which: the ending of the fixture's names."""
    close(worn.warped.alignment.grid, data[f"flow{which}"], **FLOW)
    close(worn.warped.garment, data[f"warped_cloth{which}"], **IMAGE)
    close(worn.warped.mask, data[f"warped_edge{which}"], **IMAGE)
    close(worn.rendered, data[f"rendered{which}"], **IMAGE)
    close(worn.mask, data[f"mask{which}"], **IMAGE)
    close(worn.image, data[f"tryon{which}"], **IMAGE)


def told(batch: TutorSample) -> Represented:
    return represent(batch.person, *batch.annotation)


@students
@torch.inference_mode()
def test_parity_of_the_students_try_on(folder: Path, size: str) -> None:
    data = fixture(folder, "student", size)
    own = parity.mask(data["edge"])
    garment = parity.image(data["cloth"]) * own
    close_to_worn(network("student", folder).wear(parity.image(data["person"]), garment, own), data)


@pytest.mark.parametrize(("folder", "size"), cases("student", "flow_level0"))
@torch.inference_mode()
def test_parity_of_every_level_of_the_students_warp(folder: Path, size: str) -> None:
    net, data = network("student", folder), fixture(folder, "student", size)
    own = parity.mask(data["edge"])
    garment = net.warp.encode_garment(parity.image(data["cloth"]) * own)
    warped = net.warp(parity.image(data["person"]), parity.image(data["cloth"]) * own, own)
    for level in range(5):
        close(warped.alignment.grids[level], data[f"flow_level{level}"], **FLOW)
        close(warped.alignment.match[level], data[f"delta_main{level}"], atol=1e-4, rtol=1e-5)
        close(warped.alignment.refine[level], data[f"delta_refine{level}"], atol=1e-4, rtol=1e-5)
        for name, pyramid in (("cond", warped.person), ("image", garment)):
            feature = pyramid[level]
            near = {"atol": 1e-4, "rtol": 1e-4}
            close(feature.mean(dim=(2, 3)), data[f"{name}_fpn_mean{level}"], **near)
            spread = feature.std(dim=(2, 3), correction=0)
            close(spread, data[f"{name}_fpn_std{level}"], **near)
            if f"{name}_fpn{level}" in data:
                close(feature, data[f"{name}_fpn{level}"], **near)


@pytest.mark.parametrize(("folder", "size"), cases("tutor", "preserve_region"))
def test_parity_of_what_the_tutor_is_told_is_exact(folder: Path, size: str) -> None:
    data = fixture(folder, "tutor", size)
    seen = told(parity.batch(data))
    exact = {"atol": 0, "rtol": 0}
    close(seen.clothes_mask, data["person_clothes_edge"], **exact)
    close(seen.preserved, data["preserve_region"], **exact)
    close(seen.condition[:, :1], data["face_mask"], **exact)
    close(seen.condition[:, 1:2], data["other_clothes_mask"], **exact)
    close((seen.condition[:, 27:] > 0).byte(), data["pose_drawn"], **exact)
    close(seen.condition.double().sum(dim=(2, 3)), data["concat_channel_sums"], **exact)
    if "concat45" in data:
        close(seen.condition, data["concat45"], **exact)


@tutors
@torch.inference_mode()
def test_parity_of_the_tutors_fakes_and_guidance(folder: Path, size: str) -> None:
    net, data = network("tutor", folder), fixture(folder, "tutor", size)
    batch = parity.batch(data)
    worn = redress(net, batch.person, batch.annotation, parity.unpaired(data))
    close_to_worn(worn, data, "_un")

    seen = told(batch)
    limbs = seen.limbs * (1 - worn.warped.mask)
    close(limbs, data["dense_preserve_mask"], **IMAGE)
    paired = net.warp(seen.condition, *batch.garment)
    close(paired.alignment.grid, data["flow_sup"], **FLOW)
    close(paired.garment, data["warped_cloth_sup"], **IMAGE)


@students
def test_parity_of_pictures_from_the_public_interface(
    folder: Path, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the model's own size nothing is resampled: the published numbers, rounded to pixels."""
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")
    data = fixture(folder, "student", size)
    height, width = map(int, size.split("x"))
    binary = np.where(data["edge"][0] > 127, 255, 0).astype(np.uint8)
    model = TryOn(deepcopy(network("student", folder)), (height, width))
    found = model.wear(data["person"][0], data["cloth"][0], binary)
    expected = (data["tryon"][0].transpose(1, 2, 0) + 1) * 127.5
    assert found.shape == (height, width, 3)
    assert np.abs(found - expected).max() <= 0.5 + 3e-4 * 127.5


@pytest.fixture(scope="module")
def operations() -> dict[str, torch.Tensor]:
    data = np.load(FIXTURES / "unit_ops.npz")
    return {name: torch.from_numpy(data[name]) for name in data.files}


def test_parity_of_the_cost_volume(operations) -> None:
    found = cost_volume(operations["corr_first"], operations["corr_second"])
    torch.testing.assert_close(found, operations["corr_out"], atol=1e-6, rtol=0)


def test_parity_of_composing_and_enlarging_flows(operations) -> None:
    offset, before = operations["offset"], operations["last_flow"]
    near = {"atol": 1e-6, "rtol": 0}
    torch.testing.assert_close(grid_of(offset).movedim(1, -1), operations["offset_grid"], **near)
    composed = compose(before, offset)
    torch.testing.assert_close(composed, operations["composed_flow"], **near)
    torch.testing.assert_close(upsample(composed), operations["composed_flow_up2"], **near)


def test_parity_of_the_total_variation(operations) -> None:
    found = total_variation(operations["offset"]).double()
    torch.testing.assert_close(found, operations["tv_of_offset"], atol=1e-6, rtol=0)


def test_parity_of_the_drawn_keypoints_is_exact() -> None:
    data = np.load(FIXTURES / "pose_map.npz")
    found = pose_map(torch.from_numpy(data["keypoints"])[None], (256, 192)).movedim(-1, 1)
    assert torch.equal(found[0].byte(), torch.from_numpy(data["drawn"]))
