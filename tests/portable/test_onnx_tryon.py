"""A model in an ONNX file: used like any other, and where torch is not installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxfile
import photoset
import pytest
from onnxfile import SIZE
from verbs import done, refused

from pfafn.inference import TryOn
from pfafn.kit.errors import ModelError
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import read_rgb
from pfafn.portable.tryon import OnnxTryOn

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it fails
from pathlib import Path
from pfafn.cli.app import app
from pfafn.inference import TryOn
from pfafn.photos.images import encode_png, read_rgb
worn = TryOn.load("tryon.onnx").wear(read_rgb(Path("person.png")), read_rgb(Path("garment.png")))
Path("worn.png").write_bytes(encode_png(worn))
app()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return onnxfile.write(tmp_path / "tryon.onnx")


def pictures(size: tuple[int, int] = SIZE) -> tuple[np.ndarray, ...]:
    """person, garment, mask."""
    return photoset.person(1, size), *photoset.garment(2, size)


def test_it_wears_as_the_network_in_the_file_says(file: Path) -> None:
    person, garment, mask = pictures()
    model = TryOn.load(file)
    assert (model.size, type(model)) == (SIZE, OnnxTryOn)
    expected = np.where(mask[..., None] > 0, garment, person[::-1])
    assert np.array_equal(model.wear(person, garment, mask), expected)


def test_many_pairs_are_one_batch_and_each_has_its_size(file: Path) -> None:
    model = TryOn.load(file)
    given = [pictures(), pictures((128, 192))]
    worn = model.dress([
        (model.encode_person(PersonPhoto.of(p)), model.encode_garment(GarmentPhoto.of(g, m)))
        for p, g, m in given
    ])  # fmt: skip
    for image, each in zip(worn, given, strict=True):
        assert np.array_equal(image, model.wear(*each))
        assert image.shape == each[0].shape


def test_in_a_larger_photo_the_garment_is_as_its_own_photo_has_it(file: Path) -> None:
    person = photoset.person(1, (128, 192))
    rgb = np.random.default_rng(4).integers(0, 256, person.shape, np.uint8)
    mask = np.zeros(person.shape[:2], np.uint8)
    mask[20:100, 40:160] = 255
    worn = TryOn.load(file).wear(person, rgb, mask)
    assert np.array_equal(worn[24:96, 44:156], rgb[24:96, 44:156])


def test_an_empty_mask_is_refused(file: Path) -> None:
    person, garment, mask = pictures()
    with pytest.raises(PictureError, match="mask is empty: a garment's pixels are above 127"):
        TryOn.load(file).wear(person, garment, np.zeros_like(mask))


def test_in_python_and_as_a_verb_it_dresses_where_torch_is_not_installed(file: Path) -> None:
    person, garment, _ = pictures()
    for name, picture in (("person", person), ("garment", garment)):
        photoset.write_rgb(file.parent / f"{name}.png", picture)
    words = ["tryon", "--person", "person.png", "--garment", "garment.png", "--out", "verb.png"]
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words, "--model", "tryon.onnx", "--no-preserve"],
        cwd=file.parent, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.stdout == "1 of 1 written to verb.png\n"
    expected = TryOn.load(file).wear(person, garment)
    for name in ("worn", "verb"):
        assert np.array_equal(read_rgb(file.parent / f"{name}.png"), expected)


def test_a_folder_of_garments_is_worn(file: Path) -> None:
    photoset.write_rgb(file.parent / "person.png", pictures()[0])
    for name in "ab":
        photoset.write_rgb(file.parent / f"garments/{name}.png", pictures()[1])
    done("tryon", "--person", file.parent / "person.png", "--garment", file.parent / "garments",
         "--model", file, "--out", file.parent / "out")  # fmt: skip
    assert len(list((file.parent / "out").glob("person__?.png"))) == 2


def test_an_explanation_needs_the_model_file(file: Path) -> None:
    photoset.write_rgb(file.parent / "a.png", pictures()[0])
    said = refused("tryon", "--person", file.parent / "a.png", "--garment", file.parent / "a.png",
                   "--model", file, "--out", file.parent / "b.png", "--explain")  # fmt: skip
    assert "--explain needs the model file" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no model at"), (b"PK\3\4 nonsense", "not a readable ONNX"), (b"", "not a readable")],
)
def test_a_file_that_is_none_says_so(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "tryon.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=said):
        TryOn.load(path)


def test_a_file_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no card; write it anew with `export-onnx`"):
        TryOn.load(onnxfile.write(tmp_path / "other.onnx", {}))


def test_a_file_that_an_older_version_wrote_is_refused(tmp_path: Path) -> None:
    path = onnxfile.write(tmp_path / "tryon.onnx", without="grid")
    with pytest.raises(ModelError, match="older version, without grid; write it anew with `export"):
        TryOn.load(path)


def test_without_torch_a_model_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="only an .onnx .* runs without torch; install torch"):
        OnnxTryOn.load("model.safetensors")
