"""Command, served model, Python and `prepare` see the same photo in the same file."""

import base64
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import photoset
import pytest
import tinyset
from PIL import Image

from benchmarks.icc import WIDE, in_wide
from pfafn.data.catalogue import GarmentFiles
from pfafn.data.check import DEFAULTS, Garment
from pfafn.data.inspection import Inspector
from pfafn.data.layouts import LAYOUTS
from pfafn.inference import TryOn
from pfafn.inference.folders import Job, dress_all
from pfafn.models.parts import Category
from pfafn.photos.images import decode_rgb, quick_gray, quick_rgb, read_rgb
from pfafn.stages.prepare import garment_row

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
H, W = SIZE = (64, 96)


def save(path: Path, image: np.ndarray, **options) -> Path:
    Image.fromarray(image).save(path, **options)
    return path


class Shop(NamedTuple):
    """Files as a shop delivers them, and what they show."""

    garment: Path
    mask: Path | None
    shown: np.ndarray  # uint8 RGB [H, W, 3]
    solid: np.ndarray  # [H, W] in {0, 255}


def cut_out(folder: Path) -> Shop:
    """Transparent beside the lower half of the garment, which no background would tell."""
    rgb, mask = photoset.garment(2, SIZE)
    mask[: H // 2] = 0
    path = save(folder / "g.png", np.dstack([rgb, mask]))
    return Shop(path, None, np.where(mask[..., None] > 0, rgb, 255).astype(np.uint8), mask)


def cut_out_with_a_mask(folder: Path) -> Shop:
    """The mask says something else than the transparency, and counts."""
    shop = cut_out(folder)
    solid = np.ascontiguousarray(shop.solid[:, ::-1])
    solid[-20:] = 0
    return shop._replace(mask=save(folder / "mask.png", solid), solid=solid)


def turned_with_a_noisy_mask(folder: Path) -> Shop:
    """JPEG of a camera that was turned."""
    rgb, mask = photoset.garment(2, SIZE)
    mask[: H // 2] = 0
    exif = Image.Exif()
    exif[0x0112] = 6
    noisy = np.where(mask > 0, 150, 105).astype(np.uint8)
    lying = [np.ascontiguousarray(np.rot90(a)) for a in (rgb, noisy)]
    paths = [folder / "g.jpg", folder / "mask.jpg"]
    for path, pixels in zip(paths, lying, strict=True):
        save(path, pixels, exif=exif, quality=95)
    with Image.open(paths[0]) as stored:
        return Shop(*paths, np.rot90(np.asarray(stored), -1), mask)


def in_another_space(folder: Path) -> Shop:
    """Saved in Adobe RGB, as its profile says."""
    rgb, mask = photoset.garment(2, SIZE)
    path = save(folder / "g.png", in_wide(rgb, "Adobe RGB"), icc_profile=WIDE["Adobe RGB"])
    shown = read_rgb(path)
    np.testing.assert_allclose(shown.astype(int), rgb, atol=4)
    return Shop(path, save(folder / "mask.png", mask), shown, mask)


@pytest.fixture(params=[cut_out, cut_out_with_a_mask, turned_with_a_noisy_mask, in_another_space])
def shop(request, tmp_path: Path) -> Shop:
    return request.param(tmp_path)


@pytest.fixture
def person(tmp_path: Path) -> Path:
    return save(tmp_path / "person.png", photoset.person(1, SIZE))


@pytest.fixture
def model(tmp_path: Path) -> TryOn:
    return TryOn.load(tinyset.write_model(tmp_path / "model.safetensors"))


@pytest.fixture
def expected(shop: Shop, model: TryOn) -> np.ndarray:
    return model.wear(photoset.person(1, SIZE), shop.shown, shop.solid)


def test_the_command(shop, person, model, expected) -> None:
    out = person.with_name("worn.png")
    assert not dress_all(model, [Job(person, shop.garment, shop.mask, out)])
    assert np.array_equal(read_rgb(out), expected)


def test_a_served_model(shop, person, model, expected) -> None:
    from pfafn.inference.served import Served

    served = Served()
    served.model, served.is_tutor = model, False
    files = {"person": person, "garment": shop.garment, "garment_mask": shop.mask}
    row = {n: base64.b64encode(f.read_bytes()).decode() for n, f in files.items() if f}
    answer = served.predict(None, pd.DataFrame([row]))["image"][0]
    assert np.array_equal(decode_rgb(base64.b64decode(answer)), expected)


def test_prepare_and_check(shop) -> None:
    files = GarmentFiles("g", "test", Category.UPPER, shop.garment, shop.mask)
    layout = next(iter(LAYOUTS.values()))
    report = Inspector(shop.garment.parent, layout, DEFAULTS).garment(files)
    assert report.mask_source == ("alpha" if shop.mask is None else "file")
    row = garment_row(Garment(files, report), SIZE)
    assert np.array_equal(quick_rgb(row["image"]), shop.shown)
    assert np.array_equal(quick_gray(row["mask"]), shop.solid)
