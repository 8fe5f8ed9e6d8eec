"""The networks give the published numbers under the published weights, and take and return the
published files."""

import json
import pickle
from pathlib import Path

import numpy as np
import parity
import pytest
import torch
from parity import FIXTURES, IDS, INFERENCE, SEEDS

from pfafn.data.representation import pose_map, represent
from pfafn.inference import TryOn
from pfafn.models.geometry import compose, cost_volume, grid_of, total_variation, upsample
from pfafn.models.official import FILTER, export_official, import_official
from pfafn.models.tryon import ModelError, TryOnNet
from pfafn.models.warp import Encoder
from pfafn.objectives import redress
from pfafn.official_files import export_files, import_files

FLOW, IMAGE = {"atol": 1e-5, "rtol": 0}, {"atol": 3e-4, "rtol": 0}
seeds = pytest.mark.parametrize("folder", SEEDS, ids=IDS)


def close(found: torch.Tensor, expected: np.ndarray, **tolerance: float) -> None:
    torch.testing.assert_close(found, torch.from_numpy(expected).to(found), **tolerance)


def fixture(folder: Path, *names: str) -> dict[str, np.ndarray]:
    return {key: value for name in names for key, value in np.load(folder / f"{name}.npz").items()}


def student_files(size: str) -> list[str]:
    return (
        [f"student_{size}_in", f"student_{size}_out"] if size == "256x192" else [f"student_{size}"]
    )


def tutor_files(size: str) -> list[str]:
    parts = [f"tutor_{size}_{part}" for part in ("in", "out", "sup")]
    return parts if size == "256x192" else [f"tutor_{size}"]


@pytest.fixture(scope="module", params=SEEDS, ids=IDS)
def student(request) -> tuple[Path, TryOnNet]:
    return request.param, parity.network("student", request.param, INFERENCE)


@pytest.fixture(scope="module", params=SEEDS, ids=IDS)
def tutor(request) -> tuple[Path, TryOnNet]:
    return request.param, parity.network("tutor", request.param, INFERENCE)


@pytest.mark.parametrize("size", ["64x64", "96x64", "256x192"])
@torch.inference_mode()
def test_parity_of_the_students_try_on(size: str, student) -> None:
    folder, net = student
    data = fixture(folder, *student_files(size))
    own = parity.mask(data["edge"])
    worn = net.wear(parity.image(data["person"]), parity.image(data["cloth"]) * own, own)
    close(worn.warped.alignment.grid, data["flow"], **FLOW)
    close(worn.warped.garment, data["warped_cloth"], **IMAGE)
    close(worn.warped.mask, data["warped_edge"], **IMAGE)
    close(worn.rendered, data["rendered"], **IMAGE)
    close(worn.mask, data["mask"], **IMAGE)
    close(worn.image, data["tryon"], **IMAGE)


@torch.inference_mode()
def test_parity_of_every_level_of_the_students_warp(student) -> None:
    folder, net = student
    data = fixture(folder, "student_96x64")
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


@seeds
@pytest.mark.parametrize("size", ["96x64", "256x192"])
def test_parity_of_what_the_tutor_is_told_is_exact(size: str, folder: Path) -> None:
    data = fixture(folder, *tutor_files(size))
    batch = parity.batch(data)
    names = ("person", "parsing", "body_parts", "keypoints", "category")
    seen = represent(*(batch[name] for name in names))
    exact = {"atol": 0, "rtol": 0}
    close(seen.clothes_mask, data["person_clothes_edge"], **exact)
    close(seen.preserved, data["preserve_region"], **exact)
    close(seen.condition[:, :1], data["face_mask"], **exact)
    close(seen.condition[:, 1:2], data["other_clothes_mask"], **exact)
    close((seen.condition[:, 27:] > 0).byte(), data["pose_drawn"], **exact)
    close(seen.condition.double().sum(dim=(2, 3)), data["concat_channel_sums"], **exact)
    if "concat45" in data:
        close(seen.condition, data["concat45"], **exact)


@pytest.mark.parametrize("size", ["96x64", "256x192"])
@torch.inference_mode()
def test_parity_of_the_tutors_fakes_and_guidance(size: str, tutor) -> None:
    folder, net = tutor
    data = fixture(folder, *tutor_files(size))
    batch = parity.batch(data)
    worn = redress(net, batch)
    close(worn.warped.alignment.grid, data["flow_un"], **FLOW)
    close(worn.warped.garment, data["warped_cloth_un"], **IMAGE)
    close(worn.warped.mask, data["warped_edge_un"], **IMAGE)
    close(worn.rendered, data["rendered_un"], **IMAGE)
    close(worn.mask, data["mask_un"], **IMAGE)
    close(worn.image, data["tryon_un"], **IMAGE)

    names = ("person", "parsing", "body_parts", "keypoints", "category")
    seen = represent(*(batch[name] for name in names))
    limbs = seen.limbs * (1 - worn.warped.mask)
    close(limbs, data["dense_preserve_mask"], **IMAGE)
    paired = net.warp(seen.condition, batch["garment"], batch["garment_mask"])
    close(paired.alignment.grid, data["flow_sup"], **FLOW)
    close(paired.garment, data["warped_cloth_sup"], **IMAGE)


def test_parity_of_pictures_from_the_public_interface(student) -> None:
    """At the model's own size nothing is resampled: the published numbers, rounded to pixels."""
    folder, net = student
    data = fixture(folder, *student_files("256x192"))
    binary = np.where(data["edge"][0] > 127, 255, 0).astype(np.uint8)
    found = TryOn(net, (256, 192)).wear(data["person"][0], data["cloth"][0], binary)
    expected = (data["tryon"][0].transpose(1, 2, 0) + 1) * 127.5
    assert found.shape == (256, 192, 3)
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
    found = pose_map(torch.from_numpy(data["keypoints"])[None], (256, 192))
    assert torch.equal(found[0].byte(), torch.from_numpy(data["drawn"]))


# Files. Narrow networks have the same names and keep this fast.

NARROW = {"channels": [4, 4, 4, 4, 4], "fpn": 8, "generator": 2}


def narrow(role: str = "student") -> TryOnNet:
    torch.manual_seed(3)
    net = TryOnNet(role, **NARROW).eval()
    for buffer in net.buffers():  # fresh statistics are all alike; make each tell its place
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    return net


@pytest.fixture
def checkpoints(tmp_path):
    """Official files of a narrow student: (warp, generator, the network)."""
    net = narrow()
    paths = tmp_path / "warp.pth", tmp_path / "gen.pth"
    for state, path in zip(export_official(net), paths, strict=True):
        torch.save(state, path)
    return *paths, net


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert list(one) == list(other)
    for key, tensor in one.items():
        assert tensor.dtype == other[key].dtype
        assert torch.equal(tensor, other[key]), key


def rewrite(path: Path, change) -> None:
    state = torch.load(path, weights_only=True)
    torch.save(change(state), path)


def with_filter(state: dict) -> dict:
    return {FILTER: torch.zeros(4, 1, 3, 3), **state}


def with_module(state: dict) -> dict:
    return {f"module.{key}": value for key, value in state.items()}


@pytest.mark.parametrize("role", ["student", "tutor"])
def test_parity_of_names_and_their_order(role: str) -> None:
    with torch.device("meta"):
        net = TryOnNet(role, [64, 128, 256, 256, 256], 256, 64)
    for name, state in zip(("warp", "gen"), export_official(net), strict=True):
        published = json.loads((FIXTURES / f"{name}_{role}.json").read_text())
        assert [[key, list(value.shape)] for key, value in state.items()] == published


def test_what_was_imported_is_exported_bit_for_bit(tmp_path, checkpoints) -> None:
    warp, gen, _ = checkpoints
    import_files(warp, gen, tmp_path / "m.safetensors", (64, 96))
    export_files(tmp_path / "m.safetensors", tmp_path / "w2.pth", tmp_path / "g2.pth")
    for before, after in ((warp, "w2.pth"), (gen, "g2.pth")):
        states = (torch.load(p, weights_only=True) for p in (before, tmp_path / after))
        assert_equal(*states)


@pytest.mark.parametrize(
    "change", [with_filter, with_module, lambda s: with_module(with_filter(s))]
)
def test_the_constant_filter_and_the_parallel_prefix_make_no_difference(
    checkpoints, change
) -> None:
    warp, gen, net = checkpoints
    rewrite(warp, change)
    if change is with_module:
        rewrite(gen, change)
    assert_equal(import_official(warp, gen).state_dict(), net.state_dict())


def without_one(state: dict) -> dict:
    return {k: v for k, v in state.items() if k != "image_FPN.smooth.2.bias"}


def with_another(state: dict) -> dict:
    return state | {"aflow_net.bias": torch.zeros(1)}


def with_a_shape(state: dict) -> dict:
    return state | {"image_FPN.smooth.2.bias": torch.zeros(9)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_one, "garment_fpn.smooth.2.bias is missing"),
        (with_another, "aflow_net.bias is not of this network"),
        (with_a_shape, r"garment_fpn.smooth.2.bias is \[9\], expected \[8\]"),
    ],
)
def test_a_key_that_does_not_fit_is_named(checkpoints, change, said: str) -> None:
    warp, gen, _ = checkpoints
    rewrite(warp, change)
    with pytest.raises(ModelError, match=said):
        import_official(warp, gen)


def test_the_filter_is_dropped_from_the_warp_network_only(checkpoints) -> None:
    warp, gen, _ = checkpoints
    rewrite(gen, with_filter)
    with pytest.raises(ModelError, match=FILTER):
        import_official(warp, gen)


def test_a_generator_of_the_other_role_is_refused(checkpoints, tmp_path) -> None:
    warp, _, _ = checkpoints
    torch.save(export_official(narrow("tutor"))[1], tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"\[2, 8, 3, 3\], expected \[2, 7, 3, 3\]"):
        import_official(warp, tmp_path / "other.pth")


class Code:
    """Runs when unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("pwned"),)


def test_a_file_that_carries_code_is_refused_and_not_run(
    checkpoints, monkeypatch, tmp_path
) -> None:
    warp, gen, _ = checkpoints
    monkeypatch.chdir(tmp_path)
    warp.write_bytes(pickle.dumps(Code(), protocol=2))
    with pytest.raises(ModelError, match=r"warp.pth: not a checkpoint of plain tensors"):
        import_official(warp, gen)
    torch.save({"key": Code()}, warp)
    with pytest.raises(ModelError, match=r"warp.pth: not a checkpoint of plain tensors"):
        import_official(warp, gen)
    assert not Path("pwned").exists()


@pytest.mark.parametrize("kept", [0, 100, 0.5])
def test_a_truncated_file_is_named(checkpoints, kept: float) -> None:
    warp, gen, _ = checkpoints
    content = warp.read_bytes()
    warp.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(ModelError, match=r"warp.pth: not a checkpoint"):
        import_official(warp, gen)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3}, torch.zeros(2)])
def test_a_file_that_is_no_state_dict_is_refused(checkpoints, content) -> None:
    warp, gen, _ = checkpoints
    torch.save(content, warp)
    with pytest.raises(ModelError, match=r"warp.pth: expected a state dict of tensors"):
        import_official(warp, gen)


def test_a_missing_file_is_named(checkpoints, tmp_path) -> None:
    with pytest.raises(ModelError, match=r"no checkpoint at .*nowhere.pth"):
        import_official(checkpoints[0], tmp_path / "nowhere.pth")


def test_nothing_is_written_when_the_import_fails(checkpoints, tmp_path) -> None:
    warp, gen, _ = checkpoints
    rewrite(warp, with_another)
    with pytest.raises(ModelError):
        import_files(warp, gen, tmp_path / "out" / "m.safetensors", (64, 96))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [(100, 96), (64, 90), (32, 64)])
def test_a_size_the_networks_cannot_halve_is_refused(checkpoints, tmp_path, size) -> None:
    warp, gen, _ = checkpoints
    with pytest.raises(ModelError, match=f"multiples of 32.*got {size[0]}x{size[1]}"):
        import_files(warp, gen, tmp_path / "m.safetensors", size)


def test_widths_are_read_off_the_weights(checkpoints) -> None:
    warp, gen, _ = checkpoints
    net = import_official(warp, gen)
    assert net.architecture == {"role": "student", **NARROW}
    assert isinstance(net.warp.person_encoder, Encoder)
