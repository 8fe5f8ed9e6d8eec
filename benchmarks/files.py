"""Try-on from photos on disk to pictures on disk."""

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from lightning_fabric.utilities import move_data_to_device
from torch.utils.data import default_collate

from benchmarks.rows import Row, over_one_by_one, rows
from benchmarks.subject import Pictures, Scale, network, pictures, precision
from benchmarks.timing import interleaved
from benchmarks.variants import PLAIN, PRECISIONS, plain
from pfafn.inference import TryOn
from pfafn.inference.folders import Job, dress_all
from pfafn.kit import machine
from pfafn.models.tryon import TryOnNet
from pfafn.photos.images import encode_png, encode_shown
from pfafn.photos.tensors import Batch

SECTION = "Try-on, files to files, per picture"
PHOTO = 4  # photos are this many times as high and wide as the network's pictures


class PlainTryOn(TryOn):
    """`TryOn` with a plain network, and the pictures in the plain layout."""

    def __init__(self, net: TryOnNet, size: tuple[int, int]) -> None:
        self.size = size
        self.device, self.precision = machine.device(), torch.float32
        self.net = plain(net).eval().requires_grad_(False).to(self.device)
        self.net.warp.flow.ahead = lambda pyramid: pyramid  # it knows nothing ahead
        self.settle_parts()

    def batch(self, sample: Batch) -> Batch:
        return move_data_to_device(default_collate([sample]), self.device)


def from_files(scale: Scale, device: torch.device) -> list[Row]:
    """Photos to pictures on disk, one pair; and one person in many garments."""
    net = network("student", scale.widths)
    models: dict[str, tuple[TryOn, torch.dtype]] = {
        PLAIN: (PlainTryOn(net, scale.size), torch.float32)
    }
    for dtype, name in PRECISIONS.items():
        with precision(dtype):
            models[name] = (TryOn(copy.deepcopy(net), scale.size), dtype)
    with tempfile.TemporaryDirectory() as folder:
        jobs = photos(Path(folder), scale)
        one = {name: dressing(*models[name], [jobs[:1]]) for name in models}
        found = rows(SECTION, "one pair", interleaved(one, scale.gallery_rounds, device))
        many = {PLAIN: dressing(*models[PLAIN], [[job] for job in jobs])}
        for name in PRECISIONS.values():
            many[f"{name} one by one"] = dressing(*models[name], [[job] for job in jobs])
            many[f"{name} gallery"] = dressing(*models[name], [jobs])
        taken = interleaved(many, scale.gallery_rounds, device)
        notes = over_one_by_one(taken, PRECISIONS.values())
        case = f"a person in {len(jobs)} garments"
        return found + rows(SECTION, case, taken, per=len(jobs), notes=notes)


def photos(folder: Path, scale: Scale) -> list[Job]:
    """JPEGs of a person and of garments with masks, and one job for each garment."""
    large = tuple(PHOTO * side for side in scale.size)
    drawn: list[Pictures] = [pictures(number, large) for number in range(scale.gallery)]
    (folder / "person.jpg").write_bytes(encode_shown(drawn[0].person, "JPEG"))
    jobs = []
    for number, each in enumerate(drawn):
        garment, mask = folder / f"{number}.jpg", folder / f"{number}.png"
        garment.write_bytes(encode_shown(each.garment, "JPEG"))
        mask.write_bytes(encode_png(each.mask))
        jobs.append(Job(folder / "person.jpg", garment, mask, folder / "out" / mask.name))
    return jobs


def dressing(model: TryOn, dtype: torch.dtype, calls: list[list[Job]]) -> Callable[[], None]:
    def run() -> None:
        with precision(dtype):
            for jobs in calls:
                if failed := dress_all(model, jobs):
                    raise RuntimeError(next(iter(failed.values())))

    return run
