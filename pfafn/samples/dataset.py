"""The torch view of the prepared data: a manifest row in, a sample of tensors out."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from pfafn.kit.files import require
from pfafn.models.parts import Category, Keypoint
from pfafn.photos.images import quick_gray, quick_rgb, unpack
from pfafn.photos.tensors import mask_tensor, picture_tensor
from pfafn.samples.augment import Augment
from pfafn.samples.shards import Shards

Key = int | tuple[int, int]
PICTURES = ("person", "fake")
GARMENTS = {"garment": "garment_mask", "unpaired_garment": "unpaired_mask"}
IDS = ("parsing", "body_parts")
MANIFEST = ["item", "split", "person", "category", "garment", "unpaired"]  # what is used of it


class TryOnDataset(Dataset[dict[str, Tensor]]):
    """The items of one split; row i of the split's manifest is ds[i].

    prepare, annotate, fakes: the folders of these stages. What samples carry is chosen:
      annotate  parsing, body_parts and keypoints
      worn      the garment that the person wears
      unpaired  = k: the k-th unpaired garment
      wearers   what is annotated of the first person of the split who wears the unpaired garment
      fakes     a fake and its warped mask; only items with an accepted fake are kept
      photos    the share of keys (epoch, i) for which the photo stands for the fake, with an empty
                mask: nothing was put over it
    `augment` acts on keys (epoch, i) only, and depends on seed, epoch and item alone.

    items: the manifest's item numbers; manifest: MANIFEST of their rows. Raises MissingInput for a
    stage's folder that is not there.
    """

    def __init__(
        self,
        prepare: Path,
        split: str,
        *,
        annotate: Path | None = None,
        fakes: Path | None = None,
        photos: float = 0.0,
        worn: bool = True,
        unpaired: int | None = None,
        wearers: bool = False,
        augment: Augment | None = None,
        seed: int = 0,
    ) -> None:
        table = require(prepare / "manifest.parquet", "prepare")
        manifest = pd.read_parquet(table, columns=MANIFEST)
        rows = manifest[manifest["split"] == split]
        self._persons = Shards(prepare / "persons")
        self._garments = Shards(prepare / "garments")
        self._annotations = None
        if annotate is not None:
            self._annotations = Shards(require(annotate, "annotate") / "shards")
        self._fakes, self._fake_rows = None, {}
        if fakes is not None:
            self._fakes = Shards(fakes / "shards")
            self._fake_rows = accepted_fakes(require(fakes / "fakes.parquet", "fakes"))
            rows = rows[rows["item"].isin(self._fake_rows.keys())]
        self.manifest: pd.DataFrame = rows.reset_index(drop=True)
        self.items: NDArray[np.int64] = self.manifest["item"].to_numpy(np.int64)
        self._worn = self.manifest["garment"].to_numpy(np.int64) if worn else None
        self._category = np.array([Category[c.upper()] for c in self.manifest["category"]], int)
        self._unpaired = None
        if unpaired is not None:
            self._unpaired = _column(self.manifest, unpaired)
        self._wearers = None
        if wearers:
            self._wearers = self.manifest.groupby("garment")["item"].first().to_dict()
        self._photos = photos
        self._augment = augment
        self._seed = seed

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: Key) -> dict[str, Tensor]:
        """The sample of key i, or of (epoch, i) with that epoch's augmentation and fake.

        item, category int64 []; person, fake float32 [3, H, W] in [-1, 1]; garment,
        unpaired_garment the same with background 0; garment_mask, unpaired_mask float32 [1, H, W]
        in {0, 1}; fake_mask float32 [1, H, W] in [0, 1]; unpaired_index int64 [] (garments row);
        parsing, body_parts uint8 [H, W]; keypoints float32 [18, 3] in pixels; wearer_parsing,
        wearer_body_parts uint8 [H, W], zeros for a garment that nobody wears.
        A person without a worn garment gets a garment and a mask of zeros.
        """
        epoch, index = key if isinstance(key, tuple) else (None, key)
        if not 0 <= index < len(self):
            raise IndexError(f"the split has items 0..{len(self) - 1}, asked for {index}")
        item = int(self.items[index])
        rng = None if epoch is None else np.random.default_rng([self._seed, epoch, item])
        arrays = self._read(index, item, rng)
        if rng is not None and self._augment is not None:
            arrays = self._augment(arrays, rng)
        sample = to_tensors(arrays)
        sample["item"] = torch.tensor(item)
        sample["category"] = torch.tensor(int(self._category[index]))
        if self._unpaired is not None:
            sample["unpaired_index"] = torch.tensor(int(self._unpaired[index]))
        return sample

    def _read(
        self, index: int, item: int, rng: np.random.Generator | None
    ) -> dict[str, NDArray[Any]]:
        """The item's uint8 arrays, as stored; rng chooses among its accepted fakes."""
        person = quick_rgb(self._persons[item]["image"], f"person of item {item}")
        arrays: dict[str, NDArray[Any]] = {"person": person}
        if self._worn is not None:
            worn = int(self._worn[index])
            arrays["garment"], arrays["garment_mask"] = self._garment(worn, person.shape[:2])
        if self._unpaired is not None:
            other = int(self._unpaired[index])
            arrays["unpaired_garment"], arrays["unpaired_mask"] = self._garment(other)
            if self._wearers is not None:
                worn_by = self._worn_by(other, person.shape[:2])
                arrays |= {f"wearer_{name}": ids for name, ids in worn_by.items()}
        if self._annotations is not None:
            row = self._annotations[item]
            arrays |= _ids(row, item)
            points = np.asarray(row["keypoints"], np.float32)
            arrays["keypoints"] = points.reshape(len(Keypoint), 3)
        if self._fakes is not None:
            rows = self._fake_rows[item]
            chosen = rows[0] if rng is None else rows[rng.integers(len(rows))]
            fake = self._fakes[chosen]
            name = f"fake in row {chosen}"
            arrays["fake"] = unpack(fake["image"], person.shape, name)
            arrays["fake_mask"] = unpack(fake["mask"], person.shape[:2], f"mask of the {name}")
            if self._photos and rng is not None and rng.random() < self._photos:
                arrays |= {"fake": person, "fake_mask": np.zeros_like(arrays["fake_mask"])}
        return arrays

    def _worn_by(self, garment: int, size: tuple[int, int]) -> dict[str, NDArray[np.uint8]]:
        """Parsing and body parts of who wears a garments row; zeros of `size` if nobody does."""
        item = self._wearers.get(garment)
        if item is None:
            return {name: np.zeros(size, np.uint8) for name in IDS}
        return _ids(self._annotations[item], item)

    def _garment(
        self, row: int, size: tuple[int, int] = (0, 0)
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Picture and mask of a garments row; for row -1 (none is worn) zeros of `size`."""
        if row < 0:
            return np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
        stored = self._garments[row]
        return (
            quick_rgb(stored["image"], f"garment in row {row}"),
            quick_gray(stored["mask"], f"mask of the garment in row {row}"),
        )


def _ids(row: dict[str, Any], item: int) -> dict[str, NDArray[np.uint8]]:
    """Parsing and body parts of an annotation's row."""
    return {name: quick_gray(row[name], f"{name} of item {item}") for name in IDS}


def accepted_fakes(path: Path) -> dict[int, list[int]]:
    """Shard rows of the accepted fakes of every item, from fakes.parquet."""
    fakes = pd.read_parquet(path, columns=["item", "accepted"])
    items = fakes["item"].tolist()
    found: defaultdict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(fakes["accepted"]).tolist():
        found[items[row]].append(row)
    return dict(found)


def _column(manifest: pd.DataFrame, k: int) -> NDArray[np.int64]:
    """The k-th unpaired garment of every row; ValueError if a row has fewer."""
    short = manifest.index[manifest["unpaired"].map(len) <= k]
    if len(short):
        person = manifest.loc[short[0], "person"]
        raise ValueError(
            f"unpaired garment {k} asked for, but person {person} has only "
            f"{len(manifest.loc[short[0], 'unpaired'])}; raise prepare.unpaired in params.yaml"
        )
    return np.array([row[k] for row in manifest["unpaired"]], np.int64)


def to_tensors(arrays: dict[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Float tensors of uint8 arrays, in the networks' ranges; see TryOnDataset.__getitem__."""
    sample: dict[str, Tensor] = {}
    for name in PICTURES:
        if name in arrays:
            sample[name] = picture_tensor(arrays[name])
    for name, mask_name in GARMENTS.items():
        if name in arrays:
            sample[mask_name] = mask_tensor(arrays[mask_name])
            sample[name] = picture_tensor(arrays[name]).mul_(sample[mask_name])
    if "fake_mask" in arrays:
        soft = arrays["fake_mask"].astype(np.float32) / 255
        sample["fake_mask"] = torch.from_numpy(soft)[None]
    for name in (*IDS, *(f"wearer_{name}" for name in IDS)):
        if name in arrays:
            sample[name] = torch.from_numpy(np.ascontiguousarray(arrays[name]))
    if "keypoints" in arrays:
        sample["keypoints"] = torch.from_numpy(arrays["keypoints"])
    return sample


class EpochSampler(Sampler[tuple[int, int]]):
    """Keys (epoch, i) of one epoch in an order decided by seed and epoch alone.

    rank r of world takes every world-th key; the order wraps around so that all ranks have equally
    many. start: how many of this rank's keys to leave out, because they are already done.
    """

    def __init__(
        self, length: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        if not 0 <= rank < world:
            raise ValueError(f"rank must be 0..{world - 1}, got {rank}")
        order = np.random.default_rng([seed, epoch]).permutation(length)
        order = np.resize(order, -(-length // world) * world)
        self._indices = order[rank::world][start:]
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((self._epoch, int(index)) for index in self._indices)
