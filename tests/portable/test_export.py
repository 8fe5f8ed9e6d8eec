"""A student as one ONNX file: what it computes is what torch does, or there is no file."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import ModelProto
from verbs import refused

from pfafn.inference import TryOn
from pfafn.kit.errors import ModelError
from pfafn.models.tryon import TryOnNet
from pfafn.portable import export as exporting
from pfafn.portable.export import ExportError, export, largest_error, pictures, proto
from pfafn.portable.tryon import session
from pfafn.weights import model_file

SIZE = (64, 96)
Patch = pytest.MonkeyPatch


def student(role: str = "student", generator: int | None = 4) -> TryOnNet:
    torch.manual_seed(5)
    net = TryOnNet(role, [4] * 5, 8, generator).eval()
    with torch.no_grad():
        net.warp.flow.refine[-1][-1].weight *= 20  # nothing would move
    return net


@pytest.fixture
def file(tmp_path: Path) -> Path:
    model_file.save(student(), tmp_path / "model.safetensors", {"image": list(SIZE)})
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def written() -> ModelProto:
    """About twenty seconds."""
    return proto(student(), SIZE)


@pytest.mark.slow
def test_the_file_wears_as_the_model_does(file: Path, written: ModelProto, monkeypatch: Patch):
    monkeypatch.setattr(exporting, "proto", lambda net, size: written)
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")
    out = file.with_name("tryon.onnx")
    card = export(file, out)
    assert 0 < card["largest_error"] < exporting.MOST
    [person], [garment], [mask] = pictures(1, SIZE)
    given = person, garment, mask
    # A number between two shades may be rounded to either.
    off = np.abs(TryOn.load(out).wear(*given).astype(int) - TryOn.load(file).wear(*given))
    assert (off.max() <= 1) and (off.mean() < 0.01)
    told = json.loads(session(out).get_modelmeta().custom_metadata_map["card"])
    assert told == card
    assert told.items() > model_file.read_card(file).items()
    assert b"/pfafn/" not in out.read_bytes()  # where it was made is not told


@pytest.mark.slow
def test_a_difference_is_seen_with_flows_outside_the_picture_alone(written: ModelProto) -> None:
    """Where the mask has zeros outside, and the garment its border."""
    assert largest_error(student(), written, SIZE) < exporting.MOST
    other = ModelProto.FromString(written.SerializeToString())
    sampled = [node for node in other.graph.node if node.op_type == "GridSample"]
    for node in sampled:
        for attribute in node.attribute:
            if attribute.name == "padding_mode":
                attribute.s = b"zeros"
    assert largest_error(student(), other, SIZE) > exporting.MOST


@pytest.mark.slow
def test_a_file_that_is_off_is_not_written(file: Path, written: ModelProto, monkeypatch: Patch):
    other = ModelProto.FromString(written.SerializeToString())
    bias = next(each for each in other.graph.initializer if each.name.endswith("match.0.0.bias"))
    bias.raw_data = (np.frombuffer(bias.raw_data, "<f4") + 0.5).tobytes()
    monkeypatch.setattr(exporting, "proto", lambda net, size: other)
    with pytest.raises(ExportError, match=r"would be off by .* expected at most 0.001"):
        export(file, file.with_name("tryon.onnx"))
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("role", "generator", "said"),
    [("tutor", 4, "role is tutor, expected student"), ("student", None, "a warp network alone")],
)
def test_only_a_whole_student_is_exported(
    tmp_path: Path, role: str, generator: int | None, said: str
) -> None:
    path = tmp_path / "model.safetensors"
    model_file.save(student(role, generator), path, {"image": list(SIZE)})
    assert said in refused("export-onnx", "--model", path, "--out", tmp_path / "tryon.onnx")


def test_a_file_of_another_name_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="an ONNX file's name ends in .onnx"):
        export(tmp_path / "nowhere.safetensors", tmp_path / "tryon.pb")


def test_what_is_not_installed_is_named(file: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(exporting, "NEEDED", ("onnx", "nothing_of_this_name"))
    with pytest.raises(ExportError, match=r"nothing_of_this_name not installed: `pip install 'p"):
        export(file, file.with_name("tryon.onnx"))
