"""ONNX files with the inputs and outputs of an exported model, made in no time."""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SIZE = (64, 96)


def write(path: Path, card: dict | None = None) -> Path:
    """A file whose try-on is the garment on its mask, the person's photo upside down elsewhere.

    Upside down, so that a person who was not there, or another one, would be seen.
    """
    height, width = SIZE
    numbers = {"solid": np.uint8(127), "channel": np.int64([3]), "rows": np.int64([1]),
               "first": np.int64([-1]), "last": np.int64([-height - 1]),
               "back": np.int64([-1])}  # fmt: skip
    nodes = [
        helper.make_node("Greater", ["mask", "solid"], ["on"]),
        helper.make_node("Unsqueeze", ["on", "channel"], ["worn"]),
        helper.make_node("Slice", ["person", "first", "last", "rows", "back"], ["turned"]),
        helper.make_node("Where", ["worn", "garment", "turned"], ["image"]),
        helper.make_node("Unsqueeze", ["mask", "channel"], ["shares"]),
    ]
    picture, byte = ["batch", height, width, 3], TensorProto.UINT8
    given = {"person": picture, "garment": picture, "mask": picture[:3]}
    graph = helper.make_graph(
        nodes, "made",
        [helper.make_tensor_value_info(name, byte, shape) for name, shape in given.items()],
        [helper.make_tensor_value_info("image", byte, picture),
         helper.make_tensor_value_info("shares", byte, [*picture[:3], 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    if card is None:
        card = {"image": list(SIZE)}
    helper.set_model_props(model, {"card": json.dumps(card)})
    save(model, path)
    return path
