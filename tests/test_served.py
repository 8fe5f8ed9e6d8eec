"""The served model: rows of pictures in, a PNG out, and clear words for a bad row."""

import base64
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pfafn.data.images import ImageError, decode_rgb, encode_png

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
H, W = 6, 8


class Mirror:
    """Stands in for a model: gives back the person, and keeps what it was asked."""

    asked: tuple[Any, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Mirror":
        assert path == Path("weights")
        return cls()

    def wear(self, person: np.ndarray, *rest: Any) -> np.ndarray:
        type(self).asked = (person, *rest)
        return person


@pytest.fixture
def inference(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("pfafn.inference")
    module.TryOn = module.TutorTryOn = Mirror  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pfafn.inference", module)


def model(name: str) -> Any:
    from pfafn.served import Served

    served = Served()
    context = SimpleNamespace(model_config={"model": name}, artifacts={"weights": "weights"})
    served.load_context(context)  # type: ignore[arg-type]
    return served


@pytest.fixture
def student(inference: None) -> Any:
    return model("pfafn-student")


@pytest.fixture
def tutor(inference: None) -> Any:
    return model("pfafn-tutor")


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (H, W, 3), dtype=np.uint8)


def text(array: np.ndarray) -> str:
    return base64.b64encode(encode_png(array)).decode()


ROW = {"person": text(picture(0)), "garment": text(picture(1))}
MASK = np.repeat(np.array([[0], [100], [127], [128], [200], [255]], np.uint8), W, axis=1)


def test_the_answer_is_a_png_for_each_row(student: Any) -> None:
    answer = student.predict(None, pd.DataFrame([ROW, {**ROW, "person": text(picture(2))}]))
    images = [decode_rgb(base64.b64decode(image)) for image in answer["image"]]
    np.testing.assert_array_equal(images[0], picture(0))
    np.testing.assert_array_equal(images[1], picture(2))


def test_the_model_sees_the_pixels_that_were_sent(student: Any) -> None:
    student.predict(None, pd.DataFrame([ROW]))
    person, garment, mask = Mirror.asked
    np.testing.assert_array_equal(person, picture(0))
    np.testing.assert_array_equal(garment, picture(1))
    assert mask is None


def test_a_mask_is_garment_where_it_is_brighter_than_the_middle(student: Any) -> None:
    student.predict(None, pd.DataFrame([{**ROW, "garment_mask": text(MASK)}]))
    assert Mirror.asked[2][:, 0].tolist() == [0, 0, 0, 255, 255, 255]


def test_a_picture_may_be_a_file_or_a_data_uri(student: Any, tmp_path: Path) -> None:
    file = tmp_path / "garment.png"
    file.write_bytes(encode_png(picture(1)))
    row = {"person": f"data:image/png;base64,{ROW['person']}", "garment": str(file)}
    student.predict(None, pd.DataFrame([row]))
    np.testing.assert_array_equal(Mirror.asked[0], picture(0))
    np.testing.assert_array_equal(Mirror.asked[1], picture(1))


def test_the_tutor_also_gets_parsing_keypoints_and_body_parts(tutor: Any) -> None:
    parsing = np.arange(H * W, dtype=np.uint8).reshape(H, W) % 14
    row = {**ROW, "parsing": text(parsing), "keypoints": json.dumps(list(range(54)))}
    tutor.predict(None, pd.DataFrame([row, {**row, "body_parts": text(parsing)}]))
    _, _, mask, seen, keypoints, parts = Mirror.asked
    assert mask is None
    np.testing.assert_array_equal(seen, parsing)
    np.testing.assert_array_equal(parts, parsing)
    assert keypoints.shape == (18, 3)
    assert keypoints[1].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("person", None, "row 0, person: expected a picture, got None"),
        ("garment", "no/such/file.png", "row 0, garment: expected base64 of a PNG or JPEG"),
        ("keypoints", "[1, 2, 3]", "row 0, keypoints: expected 54 numbers .* got 3"),
        ("keypoints", "nose", "row 0, keypoints: expected JSON of 54 numbers, got 'nose'"),
        ("parsing", None, "row 0, parsing: expected a picture"),
    ],
)
def test_a_bad_row_is_named_with_its_column(
    tutor: Any, column: str, value: str | None, says: str
) -> None:
    from pfafn.served import RequestError

    row = {**ROW, "parsing": text(MASK % 14), "keypoints": json.dumps([0] * 54)}
    with pytest.raises(RequestError, match=says):
        tutor.predict(None, pd.DataFrame([{**row, column: value}]))


def test_bytes_that_are_no_picture_are_named_with_row_and_column(student: Any) -> None:
    row = {**ROW, "garment": base64.b64encode(b"not a picture" * 200).decode()}
    with pytest.raises(ImageError, match="row 0, garment"):
        student.predict(None, pd.DataFrame([row]))
