"""A model as it is loaded: under the name that was asked for, in its precision, for good."""

from pathlib import Path

import numpy as np
import photoset
import pytest
import torch

from pfafn.inference import TryOn
from pfafn.models.tryon import TryOnNet
from pfafn.weights import model_file
from pfafn.weights.model_file import ModelError

SIZE = (64, 96)
Patch = pytest.MonkeyPatch


def saved(path: Path, role: str, seed: int = 5) -> Path:
    torch.manual_seed(seed)
    model_file.save(TryOnNet(role, [4] * 5, 8, 4).eval(), path, {"image": list(SIZE)})
    return path


@pytest.fixture(autouse=True)
def plain_arithmetic(monkeypatch: Patch) -> None:
    monkeypatch.setenv("PFAFN_DEVICE", "cpu")
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")


def test_a_registered_model_of_another_role_is_named_as_it_was_asked_for(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    path = saved(tmp_path / "model.safetensors", "tutor")
    monkeypatch.setattr("pfafn.registry.resolve", lambda uri: path)
    with pytest.raises(ModelError, match="^models:/pfafn-tutor@champion: is a tutor"):
        TryOn.load("models:/pfafn-tutor@champion")


@pytest.mark.parametrize(("wish", "kept"), [("fp32", False), ("bf16", True)])
def test_the_precision_that_is_wished_for_is_that_of_the_weights_and_of_all_steps(
    tmp_path: Path, monkeypatch: Patch, wish: str, kept: bool
) -> None:
    monkeypatch.setenv("PFAFN_PRECISION", wish)
    model = TryOn.load(saved(tmp_path / "model.safetensors", "student"))
    kinds = {value.dtype for value in model.net.state_dict().values()}
    assert (torch.bfloat16 in kinds) is kept
    assert model.wear(photoset.person(1, SIZE), *photoset.garment(2, SIZE)).shape == (*SIZE, 3)


def test_a_model_that_is_loaded_does_not_change_with_its_file(tmp_path: Path) -> None:
    """As a champion that is served does not when another one takes its place."""
    file = saved(tmp_path / "model.safetensors", "student")
    model = TryOn.load(file)
    given = photoset.person(1, SIZE), *photoset.garment(2, SIZE)
    before = model.wear(*given)
    saved(tmp_path / "other.safetensors", "student", seed=6).replace(file)
    assert np.array_equal(model.wear(*given), before)
    assert not np.array_equal(TryOn.load(file).wear(*given), before)
