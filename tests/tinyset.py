"""Artifacts of a tiny test split, as `prepare`, `annotate` and training leave them.

Three persons: a wears garment 0, b wears 1, c none of the set's (row -1). They try on 1, 2, 0. The
truth is known for a and b; its flow shifts the garment by SHIFT pixels.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import photoset
import pyarrow as pa
import torch

from pfafn.models.tryon import TryOnNet
from pfafn.params.file import Params
from pfafn.photos.flow_files import encode_flow
from pfafn.photos.images import encode_png
from pfafn.samples.shards import ShardWriter
from pfafn.weights import model_file

SIZE = (64, 96)
SHIFT = (3.0, -2.0)  # x, y: source position minus output position
WIDTHS = {"channels": [4, 4, 4, 4, 4], "fpn": 8, "generator": 2}
SPLIT = 4  # the test persons are items 4..6, after the training ones
SMOKE = Path(__file__).parents[1] / "params.yaml"


def params(**evaluate: int) -> Params:
    """The default params at the tiny size and widths."""
    raw = Params.load(SMOKE).model_dump(by_alias=True)
    raw["image"] = dict(zip(("height", "width"), SIZE, strict=True))
    raw["model"] = WIDTHS
    raw["evaluate"] = {"batch": 2, "grid_rows": 2} | evaluate
    return Params.model_validate(raw)


def changed(params: Params, **sections: dict[str, Any]) -> Params:
    """The params with other values of some keys, by section."""
    raw = params.model_dump(by_alias=True)
    for section, keys in sections.items():
        raw[section] |= keys
    return Params.model_validate(raw)


def rows(folder: Path, columns: dict[str, pa.DataType], content: list[dict]) -> None:
    with ShardWriter(folder, pa.schema(list(columns.items())), 4) as writer:
        for row in content:
            writer.append(row)


def visible() -> np.ndarray:
    """bool [H, W]: where the new garment is truly seen."""
    return photoset.parsing(SIZE) == photoset.Parsing.UPPER_CLOTHES


def true_picture(person: int) -> np.ndarray:
    """uint8 [H, W, 3]: the person with the garment's place painted over."""
    rgb = photoset.person(person, SIZE)
    rgb[visible()] = (20, 200, 120)
    return rgb


def true_parsing() -> np.ndarray:
    """uint8 [H, W]: of the person there; an arm shows where her clothes were."""
    ids = photoset.parsing(SIZE)
    ids[visible() & (np.arange(SIZE[1]) < SIZE[1] // 2)] = photoset.Parsing.RIGHT_ARM
    return ids


def write_prepared(artifacts: Path, *, truth: bool = True) -> None:
    prepare = artifacts / "prepare"
    image = {"image": pa.binary()}
    people = [photoset.person(n, SIZE) for n in range(SPLIT + 3)]
    rows(prepare / "persons", image, [{"image": encode_png(rgb)} for rgb in people])
    garments = [photoset.garment(n, SIZE) for n in range(3)]
    content = [{"image": encode_png(rgb), "mask": encode_png(mask)} for rgb, mask in garments]
    rows(prepare / "garments", image | {"mask": pa.binary()}, content)
    manifest = {
        "item": range(SPLIT + 3), "split": ["train"] * SPLIT + ["test"] * 3,
        "person": [f"t{n}" for n in range(SPLIT)] + ["a", "b", "c"], "category": "upper",
        "garment": [0] * SPLIT + [0, 1, -1], "unpaired": [[1]] * SPLIT + [[1], [2], [0]],
    }  # fmt: skip
    pd.DataFrame(manifest).to_parquet(prepare / "manifest.parquet")
    names = pd.DataFrame({"garment": range(3), "name": ["g0", "g1", "g2"]})
    names.to_parquet(prepare / "garments.parquet")
    if truth:
        write_truth(prepare)


def write_truth(prepare: Path) -> None:
    flow = encode_flow(np.broadcast_to(np.float32(SHIFT), (*SIZE, 2)), visible())
    table = [
        {"item": SPLIT, "garment": 0, "protocol": "paired"},
        {"item": SPLIT, "garment": 1, "protocol": "unpaired"},
        {"item": SPLIT + 1, "garment": 2, "protocol": "unpaired"},
    ]
    label = encode_png(true_parsing())
    content = [
        {"tryon": None, "label": None, "flow": flow},
        {"tryon": encode_png(true_picture(SPLIT)), "label": label, "flow": flow},
        {"tryon": encode_png(true_picture(SPLIT + 1)), "label": label, "flow": flow},
    ]
    rows(prepare / "truth", dict.fromkeys(content[0], pa.binary()), content)
    pd.DataFrame(table).to_parquet(prepare / "truth.parquet")


def write_annotations(artifacts: Path, parsing: np.ndarray | None = None, **others: Any) -> None:
    columns = {"parsing": pa.binary(), "body_parts": pa.binary(),
               "keypoints": pa.list_(pa.float32()), "body_parts_source": pa.string()}  # fmt: skip
    row = {
        "parsing": encode_png(photoset.parsing(SIZE) if parsing is None else parsing),
        "body_parts": encode_png(np.zeros(SIZE, np.uint8)),
        "keypoints": photoset.keypoints(SIZE).ravel().tolist(),
        "body_parts_source": "derived",
    } | others
    rows(artifacts / "annotate" / "shards", columns, [row] * (SPLIT + 3))


def write_models(artifacts: Path) -> None:
    for role in ("tutor", "student"):
        folder = artifacts / f"{role}_tryon"
        folder.mkdir(parents=True)
        write_model(folder / "model.safetensors", role)


def write_model(path: Path, role: str = "student") -> Path:
    torch.manual_seed(11)
    model_file.save(TryOnNet(role, **WIDTHS), path, {"image": list(SIZE)})
    return path


def write_all(artifacts: Path, *, truth: bool = True) -> Path:
    """Everything `evaluate` reads."""
    write_prepared(artifacts, truth=truth)
    write_annotations(artifacts)
    write_models(artifacts)
    return artifacts
