"""The torch view of the prepared data: a manifest row in, a sample of tensors out."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pfafn.kit.files import require
from pfafn.models.inputs import Annotation, Garment, Wearer
from pfafn.models.parts import Category, Keypoint
from pfafn.photos.images import quick_gray, quick_rgb, unpack
from pfafn.photos.tensors import mask_tensor, picture_tensor
from pfafn.samples.augment import Arrays, Augment
from pfafn.samples.sample import Fake, StudentSample, TestSample, TutorSample, UnpairedSample
from pfafn.samples.shards import Shards

Sample = TypeVar("Sample", bound=tuple)
Key = int | tuple[int, int]
Size = tuple[int, int]  # height, width
MANIFEST = ["item", "split", "person", "category", "garment", "unpaired"]  # what is used of it
IDS = ("parsing", "body_parts")


class Samples(Dataset[Sample]):
    """The persons of one split; sample i is row i of the split's manifest. Base of the views.

    prepare, annotate: the folders of these stages. items: the manifest's item numbers; manifest:
    MANIFEST of their rows. Raises MissingInput for a stage's folder that is not there.
    """

    def __init__(self, prepare: Path, annotate: Path, split: str) -> None:
        table = require(prepare / "manifest.parquet", "prepare")
        manifest = pd.read_parquet(table, columns=MANIFEST)
        self._persons = Shards(prepare / "persons")
        self._garments = Shards(prepare / "garments")
        self._annotations = Shards(require(annotate, "annotate") / "shards")
        self._take(manifest[manifest["split"] == split])

    def _take(self, rows: pd.DataFrame) -> None:
        self.manifest: pd.DataFrame = rows.reset_index(drop=True)
        self.items: NDArray[np.int64] = self.manifest["item"].to_numpy(np.int64)
        self._worn = self.manifest["garment"].to_numpy(np.int64)
        self._category = [Category[c.upper()] for c in self.manifest["category"]]

    def __len__(self) -> int:
        return len(self.items)

    def _item(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"the split has items 0..{len(self) - 1}, asked for {index}")
        return int(self.items[index])

    def _person(self, item: int) -> Arrays:
        """person uint8 [H, W, 3]; parsing, body_parts uint8 [H, W]; keypoints float32 [18, 3]."""
        row = self._annotations[item]
        points = np.asarray(row["keypoints"], np.float32).reshape(len(Keypoint), 3)
        photo = quick_rgb(self._persons[item]["image"], f"person of item {item}")
        return {"person": photo, **_ids(row, item), "keypoints": points}

    def _garment(self, row: int, size: Size) -> Arrays:
        """garment uint8 [H, W, 3], garment_mask [H, W]; zeros for row -1: none is worn."""
        if row < 0:
            return {
                "garment": np.zeros((*size, 3), np.uint8),
                "garment_mask": np.zeros(size, np.uint8),
            }
        stored = self._garments[row]
        return {
            "garment": quick_rgb(stored["image"], f"garment in row {row}"),
            "garment_mask": quick_gray(stored["mask"], f"mask of the garment in row {row}"),
        }

    def _told(self, index: int, arrays: Arrays) -> tuple[Tensor, Tensor, Annotation]:
        """How every sample begins: item, person, annotation."""
        return (
            torch.tensor(int(self.items[index])),
            picture_tensor(arrays["person"]),
            Annotation(
                *(_tensor(arrays[name]) for name in (*IDS, "keypoints")),
                torch.tensor(int(self._category[index])),
            ),
        )


class TutorSamples(Samples[TutorSample]):
    """Training persons and what they wear, for key i, or (epoch, i) with that epoch's augmentation.

    That depends on seed, epoch and item alone.
    """

    def __init__(
        self, prepare: Path, annotate: Path, *, augment: Augment | None = None, seed: int = 0
    ) -> None:
        super().__init__(prepare, annotate, "train")
        self._augment, self._seed = augment, seed

    def __getitem__(self, key: Key) -> TutorSample:
        epoch, index = key if isinstance(key, tuple) else (None, key)
        item = self._item(index)
        rng = None if epoch is None else np.random.default_rng([self._seed, epoch, item])
        arrays = self._arrays(index, item, rng)
        if rng is not None and self._augment is not None:
            arrays = self._augment(arrays, rng)
        return self._sample(index, arrays)

    def _arrays(self, index: int, item: int, rng: np.random.Generator | None) -> Arrays:
        """What is stored of a sample; rng draws where there is a choice."""
        person = self._person(item)
        return person | self._garment(int(self._worn[index]), person["person"].shape[:2])

    def _sample(self, index: int, arrays: Arrays) -> TutorSample:
        return TutorSample(*self._told(index, arrays), garment_tensors(arrays))


class StudentSamples(TutorSamples):
    """The same with a fake: of the items that have an accepted one, one of theirs in each epoch.

    fakes: the folder of that stage. photos: the share of keys (epoch, i) for which the photo stands
    for the fake, with an empty mask: nothing was put over it.
    """

    def __init__(
        self,
        prepare: Path,
        annotate: Path,
        fakes: Path,
        *,
        photos: float = 0.0,
        augment: Augment | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(prepare, annotate, augment=augment, seed=seed)
        self._fakes, self._photos = Shards(fakes / "shards"), photos
        self._rows = accepted_fakes(require(fakes / "fakes.parquet", "fakes"))
        self._take(self.manifest[self.manifest["item"].isin(self._rows.keys())])

    def _arrays(self, index: int, item: int, rng: np.random.Generator | None) -> Arrays:
        arrays = super()._arrays(index, item, rng)
        person, rows = arrays["person"], self._rows[item]
        row = rows[0] if rng is None else rows[rng.integers(len(rows))]
        stored, name = self._fakes[row], f"fake in row {row}"
        fake = unpack(stored["image"], person.shape, name)
        mask = unpack(stored["mask"], person.shape[:2], f"mask of the {name}")
        if self._photos and rng is not None and rng.random() < self._photos:
            fake, mask = person, np.zeros_like(mask)
        return arrays | {"fake": fake, "fake_mask": mask}

    def _sample(self, index: int, arrays: Arrays) -> StudentSample:
        return StudentSample(*super()._sample(index, arrays), fake_tensors(arrays))


class UnpairedSamples(Samples[UnpairedSample]):
    """Training persons, each with her k-th unpaired garment and the first who wears that one.

    Raises ValueError if a person has fewer.
    """

    def __init__(self, prepare: Path, annotate: Path, k: int) -> None:
        super().__init__(prepare, annotate, "train")
        self._unpaired = unpaired(self.manifest, k)
        self._wearers: dict[int, int] = self.manifest.groupby("garment")["item"].first().to_dict()

    def __getitem__(self, index: int) -> UnpairedSample:
        item, row = self._item(index), int(self._unpaired[index])
        arrays = self._person(item)
        size = arrays["person"].shape[:2]
        garment = garment_tensors(self._garment(row, size))
        wearer = Wearer(*torch.zeros(2, *size, dtype=torch.uint8))
        if (worn_by := self._wearers.get(row)) is not None:
            wearer = Wearer(*map(_tensor, _ids(self._annotations[worn_by], worn_by).values()))
        return UnpairedSample(*self._told(index, arrays), garment, torch.tensor(row), wearer)


class TestSamples(Samples[TestSample]):
    """Test persons, each with what she wears and her first unpaired garment."""

    __test__ = False  # not a class of tests

    def __init__(self, prepare: Path, annotate: Path) -> None:
        super().__init__(prepare, annotate, "test")
        self._unpaired = unpaired(self.manifest, 0)

    def __getitem__(self, index: int) -> TestSample:
        arrays = self._person(self._item(index))
        rows = (int(self._worn[index]), int(self._unpaired[index]))
        size = arrays["person"].shape[:2]
        garments = (garment_tensors(self._garment(row, size)) for row in rows)
        return TestSample(*self._told(index, arrays), *garments)


def accepted_fakes(path: Path) -> dict[int, list[int]]:
    """Shard rows of the accepted fakes of every item, from fakes.parquet."""
    fakes = pd.read_parquet(path, columns=["item", "accepted"])
    accepted = fakes[fakes["accepted"]].groupby("item").groups
    return {item: rows.tolist() for item, rows in accepted.items()}


def unpaired(manifest: pd.DataFrame, k: int) -> NDArray[np.int64]:
    """The k-th unpaired garment of every row; ValueError if a row has fewer."""
    short = manifest.index[manifest["unpaired"].map(len) <= k]
    if len(short):
        person = manifest.loc[short[0], "person"]
        raise ValueError(
            f"unpaired garment {k} asked for, but person {person} has only "
            f"{len(manifest.loc[short[0], 'unpaired'])}; raise prepare.unpaired in params.yaml"
        )
    return np.array([row[k] for row in manifest["unpaired"]], np.int64)


def garment_tensors(arrays: Arrays) -> Garment:
    """The garment of uint8 arrays garment [H, W, 3], garment_mask [H, W]."""
    mask = mask_tensor(arrays["garment_mask"])
    return Garment(picture_tensor(arrays["garment"]).mul_(mask), mask)


def fake_tensors(arrays: Arrays) -> Fake:
    """The fake of uint8 arrays fake [H, W, 3], fake_mask [H, W]."""
    mask = torch.from_numpy(arrays["fake_mask"].astype(np.float32) / 255)[None]
    return Fake(picture_tensor(arrays["fake"]), mask)


def _ids(row: dict[str, Any], item: int) -> Arrays:
    """parsing, body_parts uint8 [H, W] of an annotation's row."""
    return {name: quick_gray(row[name], f"{name} of item {item}") for name in IDS}


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
