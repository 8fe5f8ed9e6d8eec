"""How fast training samples are read, against how fast they are trained on; and how that grows.

    python -m benchmarks.data_path FOLDER

reads the samples of a folder and prints how many MiB the process has used at most.

The plain form keeps fakes as PNG, and decodes everything as if others had written it.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from benchmarks import samples
from benchmarks.apart import printed
from benchmarks.memory import most_used
from benchmarks.rows import Row, rows
from benchmarks.subject import Scale, network
from benchmarks.timing import Spread, interleaved, seconds
from benchmarks.training import LONG
from pfafn.kit.files import file_hash
from pfafn.learning.student import student_recipe
from pfafn.params.file import Params
from pfafn.photos import images
from pfafn.photos.tensors import to_device
from pfafn.samples.loading import epoch_keys, set_up
from pfafn.samples.sample import StudentSample
from pfafn.training.processes import start_fabric
from pfafn.training.trainer import Trainer

EVERYTHING = {"flip": 0.5, "shift": 0.1, "scale": 0.1, "colour": 0.1}
STRENGTHS = {"as it is": {}, "all augmentations": EVERYTHING}
WORKERS = (0, 2)
BATCH = 4
AHEAD = 2  # batches that a worker has ready before anyone asks
LARGE = 512  # rows of pixels: of such pictures a few are enough
RATES = (200, 1000)  # images per second that a trainer may want
TIMES = 8  # by how much the data set grows for its memory
PARAMS = Path(__file__).parents[1] / "params.yaml"
READING = "Reading a sample of the last training stage, per sample"
GROWTH = "Opening a data set and reading its first sample"
MEMORY = "Peak memory of a process that reads samples"


def unpack_png(content: bytes, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    return (images.decode_rgb if len(shape) == 3 else images.decode_gray)(content, name)


FOREIGN = {
    "quick_rgb": images.decode_rgb,
    "quick_gray": images.decode_gray,
    "unpack": unpack_png,
}
PLAIN, OWN = "as foreign files", "as our own"
FORMS: dict[str, Callable[[], Any]] = {
    PLAIN: lambda: patch.multiple("pfafn.samples.dataset", **FOREIGN),
    OWN: nullcontext,
}
PACKED = {PLAIN: images.encode_png, OWN: images.pack}


def data_path(scale: Scale, device: torch.device) -> Iterator[Row]:
    for size in scale.data_sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield from reading(Path(folder), size, scale)
    with tempfile.TemporaryDirectory() as folder:
        source = samples.write(Path(folder) / "source", scale.data_sizes[0], scale.data_samples)
        yield from against_training(source, scale, device)
        for times in scale.data_growth:
            yield from opening(samples.grown(source, Path(folder) / f"{times}", times), scale)
        few, many = (Path(folder) / f"read {times}" for times in (1, TIMES))
        yield from memory([samples.grown(source, few, 1), samples.grown(source, many, TIMES)])


def reading(folder: Path, size: tuple[int, int], scale: Scale) -> Iterator[Row]:
    """Seconds per sample in batches, read by this process or by others for it, in both forms."""
    number = scale.data_samples // (1 if size[0] < LARGE else 8)
    folders = {f: samples.write(folder / f, size, number, PACKED[f]) for f in FORMS}
    for name, strength in STRENGTHS.items():
        for workers in WORKERS:
            sources = {form: batches(folders[form], form, workers, strength) for form in FORMS}
            taken: dict[str, list[float]] = {form: [] for form in FORMS}
            for _ in range(scale.rounds):
                for form, source in sources.items():
                    taken[form].append(pace(source, number // BATCH, workers))
            case = f"{size[0]}x{size[1]}, {name}, {workers} workers"
            notes = {form: in_cores(taken[form], workers) for form in FORMS}
            yield from rows(READING, case, taken, base=PLAIN, notes=notes)


def batches(
    folder: Path, form: str, workers: int, strength: dict[str, float]
) -> Iterator[StudentSample]:
    """Batches without end. Its processes, if any, keep the form they were started in."""
    data = samples.dataset(folder, **strength)
    loader = DataLoader(
        data, batch_sampler=keys(len(data)), num_workers=workers, worker_init_fn=set_up
    )
    with FORMS[form]():
        source = iter(loader)
    while True:
        with FORMS[form]():
            batch = next(source)
        yield batch


def keys(number: int) -> Iterator[list[tuple[int, int]]]:
    for epoch in count(1):
        order = epoch_keys(number, 1, epoch)
        yield from (order[i : i + BATCH] for i in range(0, number, BATCH))


def pace(source: Iterator[Any], number: int, workers: int) -> float:
    """Seconds per sample of so many batches, after those that were ready already.

    Without workers those of a processor, so that others on this machine do not count.
    """
    clock = time.perf_counter if workers else time.process_time
    for _ in range(1 + AHEAD * workers):
        next(source)
    began = clock()
    for _ in range(number):
        next(source)
    return (clock() - began) / number / BATCH


def in_cores(taken: list[float], workers: int) -> str:
    """What the seconds per sample mean for a trainer."""
    each = Spread.of(taken).median
    if workers:
        return f"{1 / each:.0f}/s"
    cores = ", ".join(f"{rate}/s need {rate * each:.1f}" for rate in RATES)
    return f"{1 / each:.0f}/s per core; cores: {cores}"


def against_training(folder: Path, scale: Scale, device: torch.device) -> list[Row]:
    """Reading by this process against a step of the last stage, both as params.yaml has it."""
    params = Params.load(PARAMS)
    source = batches(folder, OWN, 0, params.augment.model_dump())
    work = {"training": step(params, next(source), device), "reading": lambda: next(source)}
    taken = interleaved(work, scale.rounds, device)
    height, width = scale.data_sizes[0]
    section = "Reading against training, last stage, per image (against plain: against training)"
    case = f"{height}x{width}, default widths, batch {BATCH}"
    return rows(section, case, taken, per=BATCH, base="training")


def step(params: Params, batch: StudentSample, device: torch.device) -> Callable[[], Any]:
    """A step of the student's last stage without perceptual loss."""
    schedule, widths = params.student_tryon, params.model.model_dump()
    nets = (network(role, widths) for role in ("student", "tutor"))
    recipe = student_recipe(*nets, params.losses, None, schedule)
    trainer = Trainer(start_fabric(), recipe, params.optimizer, per_epoch=LONG)
    given = to_device(batch, device)
    return lambda: trainer.step([given])


def opening(folder: Path, scale: Scale) -> list[Row]:
    """Seconds until the first sample; the note says what else a stage's start costs."""
    taken = interleaved(
        {OWN: lambda: samples.dataset(folder)[0]}, scale.rounds, torch.device("cpu")
    )
    hashed = seconds(lambda: [file_hash(folder / p) for p in samples.SCHEMAS], torch.device("cpu"))
    size = sum(path.stat().st_size for path in folder.rglob("*.*")) / 2**20
    note = f"hashing its {size:.0f} MiB before that: {hashed:.2f} s"
    case = f"{len(samples.dataset(folder))} samples"
    return rows(GROWTH, case, taken, base="", notes={OWN: note})


def memory(folders: list[Path]) -> list[Row]:
    """Of a process for each folder."""
    found = []
    for folder in folders:
        start, most, number = printed("benchmarks.data_path", folder)
        note = f"{start:.0f} MiB of it before the first sample"
        case = f"{number:.0f} samples"
        found.append(Row(MEMORY, case, OWN, "MiB", Spread.of([most]), note=note))
    return found


def main(folder: Path) -> None:
    data = samples.dataset(folder)
    data[0]
    start = most_used(torch.device("cpu"))
    for index in range(len(data)):
        data[1, index]
    print(start, most_used(torch.device("cpu")), len(data))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
