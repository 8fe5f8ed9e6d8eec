"""ONNX files with the inputs and outputs of an exported model, made in no time."""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SIZE = (64, 96)


def write(path: Path, card: dict | None = None, *, without: str = "") -> Path:
    """A file whose try-on is the garment on its mask, the person's photo upside down elsewhere.

    Upside down, so that a person who was not there, or another one, would be seen. The garment
    stays where it is. without: an output that the file lacks.
    """
    height, width = SIZE
    across = [np.linspace(-1, 1, side) for side in (width, height)]
    numbers = {"solid": np.uint8(127), "channel": np.int64([3]), "rows": np.int64([1]),
               "first": np.int64([-1]), "last": np.int64([-height - 1]),
               "back": np.int64([-1]), "none": np.float32(0), "all": np.uint8([255]),
               "still": np.stack(np.meshgrid(*across))[None].astype(np.float32)}  # fmt: skip
    nodes = [
        helper.make_node("Greater", ["mask", "solid"], ["on"]),
        helper.make_node("Unsqueeze", ["on", "channel"], ["worn"]),
        helper.make_node("Slice", ["person", "first", "last", "rows", "back"], ["behind"]),
        helper.make_node("Where", ["worn", "garment", "behind"], ["image"]),
        helper.make_node("Unsqueeze", ["mask", "channel"], ["shares"]),
        helper.make_node("Max", ["mask", "all"], ["composition"]),
        helper.make_node("Unsqueeze", ["mask", "rows"], ["plane"]),
        helper.make_node("Cast", ["plane"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "none"], ["zeros"]),
        helper.make_node("Add", ["zeros", "still"], ["grid"]),
    ]
    picture, byte = ["batch", height, width, 3], TensorProto.UINT8
    given = {"person": picture, "garment": picture, "mask": picture[:3]}
    made = (
        ("image", byte, picture), ("behind", byte, picture), ("composition", byte, picture[:3]),
        ("shares", byte, [*picture[:3], 1]),
        ("grid", TensorProto.FLOAT, ["batch", 2, height, width]),
    )  # fmt: skip
    graph = helper.make_graph(
        nodes, "made",
        [helper.make_tensor_value_info(name, byte, shape) for name, shape in given.items()],
        [helper.make_tensor_value_info(*each) for each in made if each[0] != without],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    if card is None:
        card = {"image": list(SIZE)}
    helper.set_model_props(model, {"card": json.dumps(card)})
    save(model, path)
    return path
