"""Official checkpoint files to our model files and back."""

from pathlib import Path
from typing import Any

import torch

from pfafn.kit.files import file_hash, whole
from pfafn.weights import model_file
from pfafn.weights.model_file import ModelError
from pfafn.weights.official import export_official, import_official

STEP = 32  # the networks halve a picture five times


def import_files(warp: Path, generator: Path, out: Path, size: tuple[int, int]) -> dict[str, Any]:
    """Write two official checkpoints as one of our model files; return its card.

    size: (height, width) at which the model will work. Raises ModelError if a file or weight does
    not fit; then nothing is written.
    """
    if out.suffix != ".safetensors":
        raise ModelError(f"{out}: a model file's name ends in .safetensors")
    if any(side < 2 * STEP or side % STEP for side in size):
        raise ModelError(
            f"height and width must be multiples of {STEP}, at least {2 * STEP}, "
            f"got {size[0]}x{size[1]}"
        )
    net = import_official(warp, generator)
    sources = {"warp": file_hash(warp), "generator": file_hash(generator)}
    out.parent.mkdir(parents=True, exist_ok=True)
    model_file.save(net, out, {"stage": "import-official", "image": list(size), "inputs": sources})
    return model_file.read_card(out)


def export_files(model: Path, warp: Path, generator: Path) -> None:
    """Write a model file as the two official checkpoints, both or none.

    Raises ModelError if it is none of ours, or a warp network alone.
    """
    net, _ = model_file.load(model)
    states = export_official(net)
    for path in (warp, generator):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole(warp) as first, whole(generator) as second:
        torch.save(states[0], first)
        torch.save(states[1], second)
