"""The studio's data set on disk: VITON's layout, and truth/ with what only a drawing knows."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.photos.flow_files import flow_pixels
from pfafn.studio.flat import lay_flat
from pfafn.studio.garment import Garment, sample_garment
from pfafn.studio.noise import corrupt
from pfafn.studio.person import Person, sample_person
from pfafn.studio.scene import Photograph, keypoints, photograph

_SPLITS = {"train": 0, "test": 1}
_PERSON, _GARMENT, _NOISE, _PAIRS = range(4)  # independent random streams of one sample
_KINDS = ("img", "color", "edge", "label", "pose", "densepose")
_TRUTH = ("truth/test_tryon", "truth/test_label", "truth/test_flow", "truth/train_flow")
_FOLDERS = [f"{split}_{kind}" for split in _SPLITS for kind in _KINDS] + [*_TRUTH]


class Sample(NamedTuple):
    """Who, in which garment."""

    person: Person
    garment: Garment


def synthesise(
    out: Path,
    *,
    train: int,
    test: int,
    size: tuple[int, int],
    seed: int = 7,
    parsing_noise: float = 0.0,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Draw a data set of people in garments under `out`, in VITON's layout, with truth/.

    size is (height, width), multiples of 32. parsing_noise in [0, 1] spoils the parsing maps only.
    The same seed gives the same bytes for any number of workers. progress is called with 1 after
    each person. Raises ValueError on impossible numbers and FileExistsError if `out` is not empty;
    nothing is left at `out` unless all of it was written.
    """
    _check(train, test, size, parsing_noise, workers)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} is not empty; choose a new folder or delete it first")
    scratch = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(scratch, ignore_errors=True)
    for folder in _FOLDERS:
        (scratch / folder).mkdir(parents=True)
    partners = _derangement(test, seed)
    jobs = [("train", i, None) for i in range(train)]
    jobs += [("test", i, partners[i]) for i in range(test)]
    known = {"root": scratch, "size": size, "seed": seed, "noise": parsing_noise, "train": train}
    for _ in _each(partial(_write_sample, **known), jobs, workers):
        if progress:
            progress(1)
    lines = [f"{train + i:06d}_0.jpg {train + p:06d}_1.jpg\n" for i, p in enumerate(partners)]
    (scratch / "test_pairs.txt").write_text("".join(lines))
    if out.exists():
        out.rmdir()
    scratch.rename(out)


def draw_sample(seed: int, split: str, index: int) -> Sample:
    """The sample's person and garment, from (seed, split, index) alone."""
    person, garment = (
        np.random.default_rng([seed, _SPLITS[split], index, stream])
        for stream in (_PERSON, _GARMENT)
    )
    return Sample(sample_person(person), sample_garment(garment))


def _check(train: int, test: int, size: tuple[int, int], noise: float, workers: int) -> None:
    if train < 0 or test < 0 or train + test == 0:
        raise ValueError(
            f"train and test must be 0 or more people, not both 0; got {train}, {test}"
        )
    if test == 1:
        raise ValueError(
            "test must be 0, or at least 2 people so that they can swap garments; got 1"
        )
    if len(size) != 2 or any(n <= 0 or n % 32 for n in size):
        raise ValueError(f"size must be (height, width) in multiples of 32, got {tuple(size)}")
    if not 0 <= noise <= 1:
        raise ValueError(f"parsing_noise must be between 0 and 1, got {noise}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")


def _derangement(count: int, seed: int) -> list[int]:
    """Whose garment each test person tries on: everyone another's, by one random cycle."""
    order = np.random.default_rng([seed, _SPLITS["test"], 0, _PAIRS]).permutation(count)
    partners = np.empty(count, int)
    partners[order] = np.roll(order, 1)
    return partners.tolist()


def _each(work: Callable, jobs: list, workers: int):
    """Results of work over jobs, here or in a pool of processes."""
    if workers == 1:
        yield from map(work, jobs)
        return
    # NOTE: spawned, not forked: OpenCV's and torch's threads do not survive a fork.
    spawn, one_thread = get_context("spawn"), partial(cv2.setNumThreads, 1)
    with ProcessPoolExecutor(workers, spawn, one_thread) as pool:
        yield from pool.map(work, jobs, chunksize=8)


def _write_sample(
    job: tuple[str, int, int | None],
    *,
    root: Path,
    size: tuple[int, int],
    seed: int,
    noise: float,
    train: int,
) -> None:
    split, index, partner = job
    first = train if split == "test" else 0
    name, worn = f"{first + index:06d}_0", f"{first + index:06d}_1"
    person, garment = draw_sample(seed, split, index)
    flat = lay_flat(garment, *size)
    photo = photograph(person, garment, flat)
    rng = np.random.default_rng([seed, _SPLITS[split], index, _NOISE])
    parsing = corrupt(photo.parsing, noise, rng)
    _write_jpeg(root / f"{split}_color/{worn}.jpg", flat.picture)
    _write_png(root / f"{split}_edge/{worn}.png", flat.mask)
    _write_jpeg(root / f"{split}_img/{name}.jpg", photo.picture)
    _write_png(root / f"{split}_label/{name}.png", parsing)
    np.save(root / f"{split}_densepose/{name}.npy", photo.body_parts)
    points = [round(float(value), 3) for value in keypoints(person, *size).ravel()]
    pose = json.dumps({"version": 1.0, "people": [{"pose_keypoints": points}]})
    (root / f"{split}_pose/{name}_keypoints.json").write_text(pose)
    _write_flow(root / f"truth/{split}_flow/{name}__{worn}.png", photo)
    if partner is not None:
        other = draw_sample(seed, split, partner).garment
        tryon = photograph(person, other, lay_flat(other, *size))
        pair = f"{name}__{first + partner:06d}_1.png"
        _write_flow(root / f"truth/{split}_flow" / pair, tryon)
        _write_png(root / "truth/test_tryon" / pair, tryon.picture)
        _write_png(root / "truth/test_label" / pair, tryon.parsing)


def _write_flow(path: Path, photo: Photograph) -> None:
    _write_png(path, flow_pixels(photo.flow, photo.visible))


def _write_png(path: Path, image: NDArray) -> None:
    _write(path, image, ".png", [cv2.IMWRITE_PNG_COMPRESSION, 3])


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _write(path, image, ".jpg", quality + sampling)


def _write(path: Path, image: NDArray, kind: str, settings: list[int]) -> None:
    pixels = image[..., ::-1] if image.ndim == 3 else image  # RGB to OpenCV's BGR
    _, encoded = cv2.imencode(kind, np.ascontiguousarray(pixels), settings)
    path.write_bytes(encoded.tobytes())
