"""Networks in TensorFlow.js's graph format, run by torch: a JSON file of nodes, a file of weights.

Pictures are [1, H, W, C] as there. Only the operations that our estimators' networks have.
"""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pfafn.kit.errors import UserError

Attributes = dict[str, Any]
Value = Tensor | tuple[Tensor, ...]

STORED = {"float16": "<f2", "float32": "<f4", "int32": "<i4"}


class GraphModelError(UserError, ValueError):
    """The files hold no graph that can be run here; the message names the file."""


class Node(NamedTuple):
    """One operation; `inputs` are names with the place of the output that is meant."""

    name: str
    operation: str
    inputs: tuple[tuple[str, int], ...]
    attributes: Attributes


class GraphModel:
    """A network of one picture: model(tensor) -> the tensors that its signature names."""

    def __init__(self, graph: Path, weights: Path) -> None:
        try:
            document = json.loads(graph.read_bytes())
            self.weights = dict(_weights(document["weightsManifest"], weights.read_bytes()))
            self.outputs = [_place(name) for name in document["signature"]["outputs"]]
            self.nodes = _in_order(document["modelTopology"]["node"], self.outputs)
        except (KeyError, TypeError, ValueError) as error:
            raise GraphModelError(
                f"{graph}: not a graph model with its weights: {error}"
            ) from error
        unknown = {n.operation for n in self.nodes} - OPERATIONS.keys() - {"Placeholder", "Const"}
        if unknown:
            raise GraphModelError(f"{graph}: operations {sorted(unknown)} are not known here")

    @torch.inference_mode()
    def __call__(self, picture: Tensor) -> list[Tensor]:
        """picture: [1, H, W, C] in the dtype and range that the network was made for."""
        values: dict[str, Value] = dict(self.weights)
        for node in self.nodes:
            if node.operation == "Placeholder":
                values[node.name] = picture
            elif node.operation != "Const":
                inputs = [_of(values, *place) for place in node.inputs]
                values[node.name] = OPERATIONS[node.operation](node.attributes, *inputs)
        return [_of(values, *place) for place in self.outputs]


def _of(values: dict[str, Value], name: str, place: int) -> Tensor:
    value = values[name]
    return value[place] if isinstance(value, tuple) else value


def _place(name: str) -> tuple[str, int]:
    node, _, place = name.partition(":")
    return node, int(place or 0)


def _weights(manifest: list[Any], content: bytes) -> Iterator[tuple[str, Tensor]]:
    """The constants by name; halves become floats."""
    at = 0
    for told in (weight for group in manifest for weight in group["weights"]):
        dtype = np.dtype(STORED[told.get("quantization", told)["dtype"]])
        count = int(np.prod(told["shape"]))
        values = np.frombuffer(content, dtype, count, at).reshape(told["shape"])
        at += count * dtype.itemsize
        yield told["name"], torch.from_numpy(values.astype(STORED[told["dtype"]]))
    if at != len(content):
        raise ValueError(f"the weights are {len(content)} bytes, expected {at}")


def _in_order(nodes: list[Any], outputs: list[tuple[str, int]]) -> list[Node]:
    """The nodes that the outputs need, each after those it reads."""
    named = {
        told["name"]: Node(
            told["name"],
            told["op"],
            # "^name" is a node that is to be done before and gives nothing.
            tuple(_place(name) for name in told.get("input", []) if name[0] != "^"),
            {name: _plain(value) for name, value in told.get("attr", {}).items()},
        )
        for told in nodes
    }
    ordered: dict[str, Node] = {}
    waiting = [name for name, _ in outputs]
    while waiting:
        node = named[waiting[-1]]
        missing = [name for name, _ in node.inputs if name not in ordered]
        if missing:
            waiting += missing
        else:
            ordered[waiting.pop()] = node
    return list(ordered.values())


def _plain(value: dict[str, Any]) -> Any:
    """An attribute as Python has it: numbers, text, lists; {} for a kind that nobody asks for."""
    ((kind, content),) = value.items()
    if kind == "list":
        return [_plain({k: one}) for k, several in content.items() for one in several]
    kinds = {"i": int, "f": float, "b": bool, "s": lambda text: base64.b64decode(text).decode()}
    return kinds.get(kind, lambda other: other)(content)


def _planes(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _picture(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def _padded(x: Tensor, kernel: tuple[int, ...], attributes: Attributes) -> Tensor:
    """Zeros around [B, C, H, W] as padding SAME has it: one more at the end where it is odd."""
    if attributes["padding"] != "SAME":
        return x
    steps, pads = attributes["strides"][1:3], []
    for extent, side, step in zip(x.shape[:1:-1], kernel[::-1], steps[::-1], strict=True):
        pad = max((-(-extent // step) - 1) * step + side - extent, 0)
        pads += [pad // 2, pad - pad // 2]
    return F.pad(x, pads)


def _convolve(a: Attributes, x: Tensor, kernel: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """kernel: [out, in, h, w]; with `fused_ops`, bias and activation follow."""
    padded = _padded(_planes(x), tuple(kernel.shape[2:]), a)
    y = _picture(F.conv2d(padded, kernel, bias, a["strides"][1:3], groups=groups))
    for name in a.get("fused_ops", ["BiasAdd"])[1:]:
        y = OPERATIONS[name](a, y)
    return y


def _conv(a: Attributes, x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    return _convolve(a, x, kernel.permute(3, 2, 0, 1), bias, groups=1)


def _depthwise(a: Attributes, x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    kernel = kernel.permute(2, 3, 0, 1).flatten(0, 1)[:, None]
    return _convolve(a, x, kernel, bias, groups=x.shape[3])


def _deconv(a: Attributes, size: Tensor, kernel: Tensor, x: Tensor) -> Tensor:
    """Of a kernel as large as its step, the only one our networks have."""
    return _picture(
        F.conv_transpose2d(_planes(x), kernel.permute(3, 2, 0, 1), None, a["strides"][1:3])
    )


def _pool(a: Attributes, x: Tensor) -> Tensor:
    return _picture(F.avg_pool2d(_planes(x), a["ksize"][1:3], a["strides"][1:3]))


def _resize(a: Attributes, x: Tensor, size: Tensor) -> Tensor:
    """With half-pixel centres, as our networks have it."""
    return _picture(F.interpolate(_planes(x), size.tolist(), mode="bilinear", align_corners=False))


def _cast(a: Attributes, x: Tensor) -> Tensor:
    return x.float() if a["DstT"] == "DT_FLOAT" else x.int()


def _squeeze(a: Attributes, x: Tensor) -> Tensor:
    return x.squeeze(tuple(a["squeeze_dims"]))


OPERATIONS: dict[str, Callable[..., Value]] = {
    "Identity": lambda a, x: x,
    "Cast": _cast,
    "Add": lambda a, x, y: x + y,
    "AddV2": lambda a, x, y: x + y,
    "AddN": lambda a, *xs: torch.stack(xs).sum(0),
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "RealDiv": lambda a, x, y: x / y,
    "FloorDiv": lambda a, x, y: x.div(y, rounding_mode="floor"),
    "SquaredDifference": lambda a, x, y: (x - y) ** 2,
    "Sqrt": lambda a, x: x.sqrt(),
    "Sigmoid": lambda a, x: x.sigmoid(),
    "Relu": lambda a, x: x.relu(),
    "Relu6": lambda a, x: x.clamp(0, 6),
    "ExpandDims": lambda a, x, axis: x.unsqueeze(int(axis)),
    "Squeeze": _squeeze,
    "Reshape": lambda a, x, shape: x.reshape(shape.tolist()),
    "Pack": lambda a, *xs: torch.stack(xs, a.get("axis", 0)),
    "Unpack": lambda a, x: x.unbind(a.get("axis", 0)),
    "ConcatV2": lambda a, *xs: torch.cat(xs[:-1], int(xs[-1])),
    "GatherNd": lambda a, x, places: x[tuple(places.long().unbind(-1))],
    "ArgMax": lambda a, x, axis: x.argmax(int(axis)).int(),
    "ResizeBilinear": _resize,
    "AvgPool": _pool,
    "Conv2D": _conv,
    "_FusedConv2D": _conv,
    "DepthwiseConv2dNative": _depthwise,
    "FusedDepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _deconv,
}
