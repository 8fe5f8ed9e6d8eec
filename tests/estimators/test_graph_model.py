"""Graph models run by torch: each kind of operation against an answer known by hand."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pfafn.estimators.graph_model import GraphModel, GraphModelError

Constants = dict[str, np.ndarray]


def graph(folder: Path, nodes: list[dict[str, Any]], constants: Constants) -> GraphModel:
    """A model whose input is `x` and whose output the last node."""
    manifest = [
        {"name": name, "shape": list(value.shape), "dtype": str(value.dtype).replace("16", "32")}
        | ({"quantization": {"dtype": "float16"}} if value.dtype == np.float16 else {})
        for name, value in constants.items()
    ]
    given = [{"name": "x", "op": "Placeholder"}]
    given += [{"name": name, "op": "Const"} for name in constants]
    document = {
        "signature": {"outputs": {f"{nodes[-1]['name']}:0": {}}},
        "modelTopology": {"node": nodes + given},  # in any order
        "weightsManifest": [{"weights": manifest}],
    }
    (folder / "net.json").write_text(json.dumps(document))
    (folder / "net.bin").write_bytes(b"".join(value.tobytes() for value in constants.values()))
    return GraphModel(folder / "net.json", folder / "net.bin")


def node(op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": "y", "op": op, "input": list(inputs), "attr": attributes}


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def numbers(*values: int) -> dict[str, Any]:
    return {"list": {"i": list(map(str, values))}}


ROW = torch.arange(1.0, 7).view(1, 1, 6, 1)  # [1, 1, 6, 1]


def test_same_padding_puts_the_odd_zero_at_the_end(tmp_path: Path) -> None:
    ones = np.ones((1, 3, 1, 1), np.float16)
    conv = node("Conv2D", "x", "k", strides=numbers(1, 1, 2, 1), padding=text("SAME"))
    (found,) = graph(tmp_path, [conv], {"k": ones})(ROW)
    assert found.flatten().tolist() == [1 + 2 + 3, 3 + 4 + 5, 5 + 6]


def test_a_fused_convolution_adds_its_bias_before_the_activation(tmp_path: Path) -> None:
    fused = {"list": {"s": [text("BiasAdd")["s"], text("Relu6")["s"]]}}
    steps = {"strides": numbers(1, 1, 1, 1), "padding": text("VALID")}
    conv = node("_FusedConv2D", "x", "k", "b", fused_ops=fused, **steps)
    constants = {"k": np.ones((1, 1, 1, 1), np.float32), "b": np.array([-2], np.float32)}
    (found,) = graph(tmp_path, [conv], constants)(ROW * 2)
    assert found.flatten().tolist() == [0, 2, 4, 6, 6, 6]


def test_a_depthwise_kernel_keeps_channels_apart(tmp_path: Path) -> None:
    kernel = np.array([1, 10], np.float32).reshape(1, 1, 2, 1)
    steps = {"strides": numbers(1, 1, 1, 1), "padding": text("SAME")}
    conv = node("DepthwiseConv2dNative", "x", "k", **steps)
    (found,) = graph(tmp_path, [conv], {"k": kernel})(torch.tensor([3.0, 4]).view(1, 1, 1, 2))
    assert found.flatten().tolist() == [3, 40]


def test_a_transposed_convolution_spreads_each_pixel_over_its_kernel(tmp_path: Path) -> None:
    kernel = np.array([[1, 2], [3, 4]], np.float32).reshape(2, 2, 1, 1)
    size = np.array([1, 2, 2, 1], np.int32)
    steps = {"strides": numbers(1, 2, 2, 1), "padding": text("SAME")}
    conv = node("Conv2DBackpropInput", "s", "k", "x", **steps)
    (found,) = graph(tmp_path, [conv], {"s": size, "k": kernel})(torch.full((1, 1, 1, 1), 5.0))
    assert found[0, :, :, 0].tolist() == [[5, 10], [15, 20]]


def test_what_is_gathered_is_where_the_largest_was(tmp_path: Path) -> None:
    axis, zeros = np.array([2], np.int32), np.array([[[0]]], np.int32)
    largest = {"name": "a", "op": "ArgMax", "input": ["x", "axis"], "attr": {}}  # [1, 1, 1]
    place = {"name": "p", "op": "Pack", "input": ["z", "z", "a", "z"], "attr": {"axis": {"i": "3"}}}
    nodes = [largest, place, node("GatherNd", "x", "p")]
    (found,) = graph(tmp_path, nodes, {"axis": axis, "z": zeros})(ROW.flip(2))
    assert found.tolist() == [[[6]]]


def test_one_of_several_outputs_is_meant_by_its_number(tmp_path: Path) -> None:
    parts = {"name": "u", "op": "Unpack", "input": ["x"], "attr": {"axis": {"i": "2"}}}
    nodes = [parts, node("Sub", "u:4", "u:1", "^u")]
    (found,) = graph(tmp_path, nodes, {})(ROW)
    assert found.flatten().tolist() == [5 - 2]


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphModelError, match=r"net.json: operations \['Frobnicate'\]"):
        graph(tmp_path, [node("Frobnicate", "x")], {})


def test_weights_of_another_length_are_refused(tmp_path: Path) -> None:
    graph(tmp_path, [node("Mul", "x", "k")], {"k": np.ones(1, np.float32)})
    (tmp_path / "net.bin").write_bytes(bytes(8))
    with pytest.raises(GraphModelError, match="the weights are 8 bytes, expected 4"):
        GraphModel(tmp_path / "net.json", tmp_path / "net.bin")
