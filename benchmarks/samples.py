"""Artifacts with samples to train on, drawn; as many as one likes at the cost of a few."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.subject import drawn
from pfafn.photos.images import encode_png, encode_shown, pack
from pfafn.samples.augment import Augment
from pfafn.samples.dataset import StudentSamples
from pfafn.samples.shards import ShardWriter
from pfafn.stages import annotate, fakes, prepare
from pfafn.studio.scene import keypoints

DRAWN = 8  # different samples
SCHEMAS = {
    "prepare/persons": prepare.PERSONS,
    "prepare/garments": prepare.GARMENTS,
    "annotate/shards": annotate.SCHEMA,
    "fakes/shards": fakes.SCHEMA,
}


def stored(number: int, size: tuple[int, int], packed: Callable[..., bytes]) -> dict[str, Any]:
    """One sample's rows, by shard folder. Photos are JPEG, as a shop delivers them."""
    person, flat, photo, fake = drawn(number, size)
    maps = {"parsing": encode_png(photo.parsing), "body_parts": encode_png(photo.body_parts)}
    points = keypoints(person, *size).ravel().tolist()
    return {
        "prepare/persons": {"image": encode_shown(photo.picture, "JPEG")},
        "prepare/garments": {
            "image": encode_shown(flat.picture, "JPEG"), "mask": encode_png(flat.mask),
        },
        "annotate/shards": maps | {"keypoints": points, "body_parts_source": "file"},
        "fakes/shards": {
            "image": packed(fake.picture), "mask": packed(np.uint8(255) * fake.visible)
        },
    }  # fmt: skip


def write(
    folder: Path, size: tuple[int, int], count: int, packed: Callable[..., bytes] = pack
) -> Path:
    """Artifacts of `count` samples, one shard each; those drawn over and over."""
    found = [stored(number, size, packed) for number in range(min(count, DRAWN))]
    for place, schema in SCHEMAS.items():
        with ShardWriter(folder / place, schema, count) as shards:
            for number in range(count):
                shards.append(found[number % len(found)][place])
    write_tables(folder, count)
    return folder


def grown(source: Path, folder: Path, times: int) -> Path:
    """`source` with so many times its samples: its shards, linked under further names."""
    count = len(pd.read_parquet(source / "fakes" / "fakes.parquet"))
    for place in SCHEMAS:
        (folder / place).mkdir(parents=True)
        for number in range(times):
            os.link(source / place / "00000.arrow", folder / place / f"{number:05d}.arrow")
    write_tables(folder, count * times)
    return folder


def write_tables(folder: Path, count: int) -> None:
    items = np.arange(count)
    manifest = {
        "item": items, "split": "train", "person": [f"{i:06d}_0" for i in items],
        "category": "upper", "garment": items, "unpaired": [[i] for i in items[::-1]],
    }  # fmt: skip
    pd.DataFrame(manifest).to_parquet(folder / "prepare" / "manifest.parquet")
    made = {"item": items, "k": 0, "garment": items[::-1], "accepted": True}
    pd.DataFrame(made).to_parquet(folder / "fakes" / "fakes.parquet")


def dataset(folder: Path, **strength: float) -> StudentSamples:
    """What the student's last stage reads."""
    folders = (folder / name for name in ("prepare", "annotate", "fakes"))
    return StudentSamples(*folders, augment=Augment(**strength))
