"""A network that is read is one to use: in eval mode, of the size its card says."""

import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pfafn.kit.files import file_hash
from pfafn.models.tryon import TryOnNet
from pfafn.weights import model_file
from pfafn.weights.model_file import ModelError, load_strictly
from pfafn.weights.official import export_official, import_official
from pfafn.weights.official_files import import_files

NARROW = {"channels": [4, 4, 4, 4, 4], "fpn": 8, "generator": 2}


@pytest.fixture
def official(tmp_path: Path) -> tuple[Path, Path]:
    """Warp network and generator, as published."""
    torch.manual_seed(3)
    paths = tmp_path / "warp.pth", tmp_path / "gen.pth"
    for state, path in zip(export_official(TryOnNet("student", **NARROW)), paths, strict=True):
        torch.save(state, path)
    return paths


def test_an_official_network_is_in_eval_mode(official: tuple[Path, Path]) -> None:
    assert not any(module.training for module in import_official(*official).modules())


def test_a_model_file_gives_a_network_in_eval_mode(tmp_path: Path) -> None:
    model_file.save(TryOnNet("tutor", **NARROW), tmp_path / "m", {})
    net, _ = model_file.load(tmp_path / "m")
    assert not any(module.training for module in net.modules())


def test_a_model_file_may_be_read_by_everybody(tmp_path: Path) -> None:
    model_file.save(TryOnNet("tutor", **NARROW), tmp_path / "m", {})
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o644


def test_the_card_of_an_import_says_height_and_width_and_what_it_was_made_of(
    official: tuple[Path, Path], tmp_path: Path
) -> None:
    card = import_files(*official, tmp_path / "m.safetensors", (96, 64))
    assert card["image"] == [96, 64]
    warp, generator = map(file_hash, official)
    assert card["inputs"] == {"warp": warp, "generator": generator}
    assert {name: card[name] for name in ("role", *NARROW)} == {"role": "student"} | NARROW


@pytest.mark.parametrize("card", [None, "null", "[]", '"pfafn/1"', "{}", '{"format": "pfafn/2"}'])
def test_a_file_without_our_card_is_refused(tmp_path: Path, card: str | None) -> None:
    told = None if card is None else {"card": card}
    save_file({"weight": torch.zeros(1)}, tmp_path / "m", metadata=told)
    with pytest.raises(ModelError, match=f"{tmp_path / 'm'}: has no pfafn/1 card"):
        model_file.read_card(tmp_path / "m")


def test_a_card_that_is_no_json_is_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "m", metadata={"card": "{"})
    with pytest.raises(ModelError, match="m: not a readable safetensors file"):
        model_file.read_card(tmp_path / "m")


def test_a_web_page_is_no_model_file_either(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("<html>quota exceeded</html>")
    with pytest.raises(ModelError, match=f"{tmp_path / 'm'} is a web page"):
        model_file.read_card(tmp_path / "m")


def test_weights_of_as_many_numbers_in_another_shape_are_named() -> None:
    weights = {"weight": torch.ones(2, 3), "bias": torch.ones(3)}
    with pytest.raises(ModelError, match=r"weight is \[2, 3\], expected \[3, 2\]"):
        load_strictly(torch.nn.Linear(2, 3), weights, "m.safetensors")
