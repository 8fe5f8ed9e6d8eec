"""One ONNX file of a whole student: written, and held against torch before it gets its name.

Inputs person and garment, uint8 RGB [batch, H, W, 3], and mask, uint8 [batch, H, W], above 127
where the garment is; outputs those of `Drawn`, and exact, float32 [batch, 3, H, W] in [-1, 1], what
image is rounded from. H and W are the model's, the batch is any.
The metadata's `card` is that of the model file, as JSON, with `largest_error` and `opset`.
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from pfafn.kit.errors import ModelError, UserError
from pfafn.kit.files import whole
from pfafn.kit.progress import tell
from pfafn.models.tryon import TryOnNet
from pfafn.photos.warping import Drawn
from pfafn.portable.network import Portable, values
from pfafn.weights import model_file

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
INPUTS, OUTPUTS = ("person", "garment", "mask"), (*Drawn._fields, "exact")
NEEDED = ("onnx", "onnxscript", "onnxruntime")
MOST = 1e-3  # largest error on [-1, 1]; a shade is 7.8e-3
BATCHES = (1, 2, 5)
OUTSIDE = 0.5  # of the picture's width and height: how far flows are pushed, for the check
SEED = 0
LAST_BIAS = "warp.flow.refine.4.6.bias"  # of the last offset that the flow network adds


class ExportError(UserError, RuntimeError):
    """A model cannot be written as ONNX; the message says what is missing or how far it is off."""


def export(model: Path, out: Path) -> dict[str, Any]:
    """Write a student's model file as ONNX and return the card that is in it.

    Raises ModelError if the file is no whole student, ExportError if what is needed is not
    installed or the file does not compute what torch does; then nothing is written.
    """
    if out.suffix != ".onnx":
        raise ModelError(f"{out}: an ONNX file's name ends in .onnx")
    if missing := [name for name in NEEDED if not find_spec(name)]:
        raise ExportError(f"{', '.join(missing)} not installed: `pip install 'pfafn[onnx]'`")
    net, card = model_file.load(model, role="student")
    if net.generator is None:
        raise ModelError(f"{model}: a warp network alone draws nothing; take that of student_tryon")
    tell(f"{model}: written as ONNX, then held against torch; about half a minute")
    written = proto(net, tuple(card["image"]))
    error = largest_error(net, written, tuple(card["image"]))
    if not error <= MOST:
        raise ExportError(
            f"{out} would be off by {error:.1e} on [-1, 1], expected at most {MOST}: it is not "
            "written; other versions of onnxruntime or torch may do better"
        )
    told = {**card, "opset": OPSET, "largest_error": error}
    written.metadata_props.add(key="card", value=json.dumps(told, sort_keys=True))
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole(out) as scratch:
        scratch.write_bytes(written.SerializeToString(deterministic=True))
    return told


def proto(net: TryOnNet, size: tuple[int, int]) -> "ModelProto":
    """A student for pictures of this size as ONNX; the network itself stays as it is."""
    given = tuple(map(torch.from_numpy, pictures(2, size)))  # of one, the batch would be fixed
    batch = {0: torch.export.Dim("batch")}
    with quiet():
        program = torch.onnx.export(
            Portable(copy.deepcopy(net)).eval(), given, dynamo=True, opset_version=OPSET,
            external_data=False, input_names=INPUTS, output_names=OUTPUTS,
            dynamic_shapes=(batch,) * len(INPUTS), verbose=False,
        )  # fmt: skip
    made = program.model_proto
    # Where in which file of this machine an operation was called is nobody's business.
    for part in (made, made.graph, *made.graph.node, *made.graph.value_info, *made.graph.input,
                 *made.graph.output, *made.graph.initializer):  # fmt: skip
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return made


@contextmanager
def quiet() -> Iterator[None]:
    """Without what torch's exporter says of itself and of libraries that are not there."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def largest_error(net: TryOnNet, written: "ModelProto", size: tuple[int, int]) -> float:
    """How far the file is at most off the network as it reads, on [-1, 1].

    In each of BATCHES, with the network's flows and with flows that lead out of the picture.
    """
    worst = off(net, written, size)
    away, led = copy.deepcopy(net), copy.copy(written)
    height, width = size
    with torch.no_grad():
        bias = away.get_parameter(LAST_BIAS)
        # In pixels of the last level, half as high and wide.
        bias += torch.tensor([OUTSIDE * width / 2, -OUTSIDE * height / 2])
    stored = next(each for each in led.graph.initializer if each.name == f"net.{LAST_BIAS}")
    before = stored.raw_data
    stored.raw_data = bias.detach().numpy().astype("<f4").tobytes()
    try:
        return max(worst, off(away, led, size))
    finally:
        stored.raw_data = before


def off(net: TryOnNet, written: "ModelProto", size: tuple[int, int]) -> float:
    from pfafn.portable.tryon import session

    running, worst = session(written.SerializeToString()), 0.0
    for count in BATCHES:
        given = pictures(count, size)
        [found] = running.run([OUTPUTS[-1]], dict(zip(INPUTS, given, strict=True)))
        person, garment, mask = map(torch.from_numpy, given)
        solid = (mask > 0).float()[:, None]
        with torch.inference_mode():
            expected = net.wear(values(person), values(garment) * solid, solid).image
        worst = np.maximum(worst, np.abs(found - expected.numpy()).max())  # NaN stays NaN
    return float(worst)


def pictures(count: int, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """person, garment and mask of `count` made pictures: even patches, and noise."""
    rng, (height, width) = np.random.default_rng(SEED), size
    patches = rng.integers(0, 192, (2, count, height // 16, width // 16, 3), np.uint8)
    noise = rng.integers(0, 64, (2, count, height, width, 3), np.uint8)
    person, garment = patches.repeat(16, axis=2).repeat(16, axis=3) + noise
    mask = np.zeros((count, height, width), np.uint8)
    mask[:, height // 8 : -height // 8, width // 8 : -width // 4] = 255
    return [person, garment, mask]
