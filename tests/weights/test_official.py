"""Official checkpoints come in and go out: names, order and bits as published."""

import json
from pathlib import Path

import pytest
import torch
from narrow import NARROW, narrow
from parity import FIXTURES

from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import Encoder
from pfafn.weights.model_file import ModelError
from pfafn.weights.official import FILTER, export_official, import_official
from pfafn.weights.official_files import export_files, import_files


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


def in_lightning(state: dict) -> dict:
    inner = {f"model.{key}": value for key, value in state.items()}
    return {"epoch": 5, "state_dict": inner, "optimizer_states": [{"lr": 1.0}]}


@pytest.mark.parametrize(
    "change",
    [
        with_module,
        in_lightning,
        lambda state: {"model": with_module(state), "epoch": 5},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {"params_ema": state, "optimizer": {"state": {0: {"step": torch.ones(1)}}}},
        lambda state: {**state, "epoch": 5, "note": "best"},
    ],
)
def test_how_the_weights_are_wrapped_makes_no_difference(checkpoints, change) -> None:
    warp, gen, net = checkpoints
    rewrite(warp, change)
    rewrite(gen, change)
    assert_equal(import_official(warp, gen).state_dict(), net.state_dict())


@pytest.mark.parametrize("change", [with_filter, lambda s: with_module(with_filter(s))])
def test_the_constant_filter_makes_no_difference(checkpoints, change) -> None:
    warp, gen, net = checkpoints
    rewrite(warp, change)
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


def test_files_given_in_each_others_place_are_told(checkpoints) -> None:
    warp, gen, _ = checkpoints
    with pytest.raises(ModelError, match=r"are the two exchanged\?"):
        import_official(gen, warp)


def test_of_two_state_dicts_under_unknown_names_none_is_guessed(checkpoints) -> None:
    warp, gen, _ = checkpoints
    rewrite(warp, lambda state: {"first": state, "second": state})
    with pytest.raises(ModelError, match=r"expected a state dict.*'first', 'second'"):
        import_official(warp, gen)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(checkpoints, bad: float) -> None:
    warp, gen, _ = checkpoints
    rewrite(gen, lambda state: {key: value.add(bad) for key, value in state.items()})
    with pytest.raises(ModelError, match=r"gen.pth: model.model\S+ holds numbers that are"):
        import_official(warp, gen)


def test_a_single_weight_that_is_not_finite_is_enough(checkpoints) -> None:
    warp, gen, _ = checkpoints
    name = "image_FPN.smooth.0.weight"
    rewrite(
        warp, lambda state: state | {name: state[name].index_fill(0, torch.tensor(1), torch.nan)}
    )
    with pytest.raises(ModelError, match=f"warp.pth: {name} holds numbers that are"):
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


def test_nothing_is_written_when_the_import_fails(checkpoints, tmp_path) -> None:
    warp, gen, _ = checkpoints
    rewrite(warp, with_another)
    with pytest.raises(ModelError):
        import_files(warp, gen, tmp_path / "out" / "m.safetensors", (64, 96))
    assert not (tmp_path / "out").exists()


def test_both_checkpoints_are_written_or_none(checkpoints, tmp_path) -> None:
    import_files(*checkpoints[:2], tmp_path / "m.safetensors", (64, 96))
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        export_files(tmp_path / "m.safetensors", tmp_path / "w2.pth", tmp_path / "file/g2.pth")
    assert not (tmp_path / "w2.pth").exists()


def test_a_checkpoint_whose_fellow_cannot_take_its_place_is_not_written(
    checkpoints, tmp_path
) -> None:
    import_files(*checkpoints[:2], tmp_path / "m.safetensors", (64, 96))
    (tmp_path / "g2.pth").mkdir()
    with pytest.raises(IsADirectoryError):
        export_files(tmp_path / "m.safetensors", tmp_path / "w2.pth", tmp_path / "g2.pth")
    assert not (tmp_path / "w2.pth").exists()


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


def test_a_condition_of_neither_role_is_refused(checkpoints) -> None:
    warp, gen, _ = checkpoints
    name = "cond_features.encoders.0.0.block.2.weight"
    rewrite(warp, lambda state: state | {name: state[name][:, :2]})
    with pytest.raises(ModelError, match="condition has 2 channels, expected 45 or 3"):
        import_official(warp, gen)


def test_a_warp_network_alone_has_no_official_form() -> None:
    net = narrow()
    net.generator = None
    with pytest.raises(ModelError, match="a warp network alone has no official form"):
        export_official(net)


def test_a_tutor_that_is_not_told_of_the_hem_has_no_official_form_and_says_what_to_do() -> None:
    with pytest.raises(ModelError, match="train one with tutor_warp.hem = 0"):
        export_official(TryOnNet("tutor", **NARROW, hem=0.3))


@pytest.mark.parametrize("beyond", ["keep", "tone"])
def test_a_student_beyond_the_paper_has_no_official_form_and_says_what_to_do(beyond: str) -> None:
    with pytest.raises(ModelError, match=f"train one with student_tryon.{beyond} = 0$"):
        export_official(TryOnNet("student", **NARROW, **{beyond: True}))


def test_a_model_file_is_told_by_its_suffix(checkpoints, tmp_path) -> None:
    with pytest.raises(ModelError, match=r"m.pth: a model file's name ends in .safetensors"):
        import_files(*checkpoints[:2], tmp_path / "m.pth", (64, 96))
