"""A try-on by onnxruntime against ours, on the CPU, and what each rewriting of the file is worth.

    python -m benchmarks.onnx [--rounds N] [--threads N] [--files FOLDER] [--quick]

Published widths and the default model, 256x192, arrays in and out. Every variant runs once a round,
after two that are not counted; the ratio to ours in float32 is taken within a round. Beside the
time that passed, the seconds that processors worked are told: what else runs here disturbs them
less. A file that is in the folder from an earlier run is taken as it is; each takes half a minute.
"""

import argparse
import copy
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.subject import PUBLISHED, TINY, network, pictures, precision
from pfafn.inference.tryon import TryOn
from pfafn.models import correlation, geometry
from pfafn.models.tryon import TryOnNet
from pfafn.params.file import Params
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.portable import network as portable
from pfafn.portable.export import proto
from pfafn.portable.tryon import OnnxTryOn, session

OURS = "ours, fp32"
PARAMS = Path(__file__).parents[1] / "params.yaml"
WARM_UP = 2
# What of the file's rewriting is left out, by the variant.
FILES: dict[str, dict[str, Any]] = {
    "ONNX": {},
    "ONNX, sampled with borders": {"sample": geometry.warp},
    "ONNX, as the networks read": {
        "sample": geometry.warp, "cost_volume": correlation.cost_volume
    },
}  # fmt: skip
Wear = Callable[[], Any]


def variants(net: TryOnNet, size: tuple[int, int], files: Path, threads: int) -> dict[str, Wear]:
    """What is compared: each variant's try-on of the same two pictures."""
    given = pictures(0, size)
    photos = PersonPhoto.of(given.person), GarmentPhoto.of(given.garment, given.mask)
    models: dict[str, Any] = {}
    for name, dtype in ((OURS, torch.float32), ("ours, bf16", torch.bfloat16)):
        with precision(dtype):
            models[name] = TryOn(copy.deepcopy(net), size)
    for number, (name, without) in enumerate(FILES.items()):
        path = files / f"{number}.onnx"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with patch.multiple(portable, **without) if without else patch.dict({}):
                path.write_bytes(proto(net, size).SerializeToString())
        with patch.dict("os.environ", OMP_NUM_THREADS=str(threads)):
            models[name] = OnnxTryOn(session(path), size)
    return {name: partial(model.try_on, *photos) for name, model in models.items()}


def measured(work: dict[str, Wear], rounds: int) -> dict[str, np.ndarray]:
    """[rounds, 2] of each variant: seconds that passed, and that processors worked."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(WARM_UP + rounds):
        for name, wear in work.items():
            passed, worked = time.perf_counter(), time.process_time()
            wear()
            taken[name].append((time.perf_counter() - passed, time.process_time() - worked))
    return {name: np.array(each[WARM_UP:]) for name, each in taken.items()}


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.onnx", description=lines[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--files", type=Path, default=Path("build/onnx"))
    parser.add_argument("--quick", action="store_true", help="tiny networks: does it all run?")
    asked = parser.parse_args(given)
    torch.set_num_threads(asked.threads)
    default = Params.load(PARAMS).model
    subjects = {"published": PUBLISHED, "default": default.model_dump()}
    size = (256, 192)
    if asked.quick:
        subjects, size = {"tiny": TINY}, (64, 96)
    print(f"{size[0]}x{size[1]}, {asked.threads} threads, medians of {asked.rounds} rounds\n")
    print("| widths | variant | ms | of ours | processors' ms | of ours | shades off |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for widths, numbers in subjects.items():
        work = variants(network("student", numbers), size, asked.files / widths, asked.threads)
        expected, taken = work[OURS]().astype(int), measured(work, asked.rounds)
        for name, seconds in taken.items():
            ms, times = np.median(seconds, axis=0) * 1e3, np.median(seconds / taken[OURS], axis=0)
            off = np.abs(work[name]() - expected).max()
            print(f"| {widths} | {name} | {ms[0]:.0f} | {times[0]:.2f} "
                  f"| {ms[1]:.0f} | {times[1]:.2f} | {off} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
