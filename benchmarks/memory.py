"""Peak memory of a try-on from a model file, each variant in a process of its own.

    python -m benchmarks.memory MODEL VARIANT HEIGHT WIDTH BATCH

prints two numbers of MiB: after importing everything, and at most. On a GPU, what torch allocated.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import safetensors.torch
import torch

from benchmarks.apart import printed
from benchmarks.rows import Row
from benchmarks.timing import Spread
from benchmarks.variants import PLAIN, PRECISIONS, computing, formed
from pfafn.fast.deploy import deploy
from pfafn.kit import heap, machine
from pfafn.models.tryon import TryOnNet
from pfafn.weights import model_file

MIB = 2**20
PROCESSES = 5  # of each variant


def memory(net: TryOnNet, cases: list[tuple[tuple[int, int], int]]) -> Iterator[Row]:
    """Peak of each variant's process for each size and batch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "student.safetensors"
        model_file.save(net, path, {"image": list(cases[0][0])})
        for size, count in cases:
            yield from case(path, size, count)


def case(path: Path, size: tuple[int, int], count: int) -> list[Row]:
    """The variants' peaks for one shape, in several processes each: no two heaps lie alike."""
    variants, found = (PLAIN, *PRECISIONS.values()), []
    runs = [
        {v: printed("benchmarks.memory", path, v, *size, count) for v in variants}
        for _ in range(PROCESSES)
    ]
    for variant in variants:
        starts, peaks = zip(*(run[variant] for run in runs), strict=True)
        gain = Spread.of([run[PLAIN][1] / run[variant][1] for run in runs])
        share = "" if variant == PLAIN else f"; {1 / gain.median:.2f} of plain"
        found.append(
            Row(
                "Peak memory of the process, model loading included",
                f"{size[0]}x{size[1]}, batch {count}", variant, "MiB", Spread.of(list(peaks)),
                None if variant == PLAIN else gain,
                f"{median(starts):.0f} MiB of it before the model{share}",
            )
        )  # fmt: skip
    return found


def most_used(device: torch.device) -> float:
    """MiB, until now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB
    # Not getrusage: its maximum is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def load(path: Path) -> TryOnNet:
    """A model file as it is usually read: the network is made, then given the file's weights."""
    net = model_file.network_of(model_file.read_card(path))
    net.load_state_dict(safetensors.torch.load_file(path))
    return net.eval().requires_grad_(False)


def main(path: Path, variant: str, height: int, width: int, count: int) -> None:
    device = machine.device()
    shapes = [(count, channels, height, width) for channels in (3, 3, 1)]
    given = formed([torch.rand(shape, device=device) for shape in shapes], variant)
    start = most_used(device)
    dtype = {name: dtype for dtype, name in PRECISIONS.items()}.get(variant, torch.float32)
    if variant == PLAIN:
        net = load(path).to(device)
    else:
        with heap.weights_apart():  # as `pfafn tryon` loads
            net = deploy(model_file.load(path)[0], device, dtype)
    with computing(device, dtype):
        net.wear(*given)
    print(start, most_used(device))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
