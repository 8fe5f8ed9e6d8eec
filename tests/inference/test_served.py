"""The served model: rows of pictures in, a PNG out, and clear words for a bad row."""

import base64
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from iccprofiles import encoded
from PIL import Image

from pfafn.photos.colours import srgb_profile
from pfafn.photos.entrance import PersonPhoto
from pfafn.photos.images import decode_rgb, encode_png

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
H, W = 36, 48


class Mirror:
    """Stands in for a model: gives back the person, and keeps what it was asked."""

    asked: tuple[Any, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Mirror":
        assert path == Path("weights")
        return cls()

    def try_on(self, person: PersonPhoto, *rest: Any) -> np.ndarray:
        type(self).asked = (person, *rest)
        return person.rgb


@pytest.fixture
def inference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pfafn.inference.TryOn", Mirror)
    monkeypatch.setattr("pfafn.inference.TutorTryOn", Mirror)


def served_error() -> type[Exception]:
    from pfafn.inference.served import RequestError  # MLflow warns when it is imported

    return RequestError


def model(name: str) -> Any:
    from pfafn.inference.served import Served

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
SHADES = [0, 100, 127, 128, 200, 255]
MASK = np.repeat(np.repeat(np.array(SHADES, np.uint8)[:, None], H // 6, axis=0), W, axis=1)


def test_the_answer_is_a_png_for_each_row(student: Any) -> None:
    answer = student.predict(None, pd.DataFrame([ROW, {**ROW, "person": text(picture(2))}]))
    images = [decode_rgb(base64.b64decode(image)) for image in answer["image"]]
    np.testing.assert_array_equal(images[0], picture(0))
    np.testing.assert_array_equal(images[1], picture(2))


def test_the_model_sees_the_pixels_that_were_sent(student: Any) -> None:
    student.predict(None, pd.DataFrame([ROW]))
    person, garment = Mirror.asked
    np.testing.assert_array_equal(person.rgb, picture(0))
    np.testing.assert_array_equal(garment.rgb, picture(1))
    assert garment.mask_source != "file"


def test_a_mask_is_garment_where_it_is_brighter_than_the_middle(student: Any) -> None:
    student.predict(None, pd.DataFrame([{**ROW, "garment_mask": text(MASK)}]))
    assert Mirror.asked[1].mask[:: H // 6, 0].tolist() == [0, 0, 0, 255, 255, 255]


def test_a_mask_of_another_size_is_named_with_its_row(student: Any) -> None:
    row = {**ROW, "garment_mask": text(MASK[:, 1:])}
    with pytest.raises(served_error(), match=r"row 0, garment: mask must .*\(36, 48\).*\(36, 47\)"):
        student.predict(None, pd.DataFrame([row]))


SPELLINGS = {
    "line breaks": lambda content: base64.encodebytes(content).decode(),
    "line breaks of Windows": lambda content: wrapped(content, "\r\n"),
    "indented lines": lambda content: wrapped(content, "\n    "),
    "a trailing newline": lambda content: base64.b64encode(content).decode() + "\n",
    "the alphabet for URLs": lambda content: base64.urlsafe_b64encode(content).decode(),
    "no padding": lambda content: base64.b64encode(content).decode().rstrip("="),
    "pluses made spaces": lambda content: base64.b64encode(content).decode().replace("+", " "),
    "a data URL": lambda content: f"data:image/png;base64,{base64.b64encode(content).decode()}",
    "a data URL in capitals": lambda content: (
        f"data:image/png;BASE64,{base64.b64encode(content).decode()}"
    ),
    "quoted for URLs": lambda content: quote(base64.b64encode(content).decode(), safe=""),
    "as Python shows bytes": lambda content: repr(base64.b64encode(content)),
    "quoted as JSON": lambda content: (
        '"' + base64.b64encode(content).decode().replace("/", "\\/") + '"'
    ),
    "line breaks written out": lambda content: wrapped(content, "\\n"),
    "line breaks made spaces": lambda content: wrapped(content, " "),
    "unseen marks around it": lambda content: f"\ufeff{base64.b64encode(content).decode()}\u200b",
    "a quoted data URL": lambda content: (
        f"data:image/png;base64,{quote(base64.b64encode(content).decode())}"
    ),
}


def wrapped(content: bytes, line_break: str) -> str:
    return base64.encodebytes(content).decode().replace("\n", line_break)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_base64_may_be_spelt_as_any_tool_spells_it(student: Any, spelling: str) -> None:
    # Of all rests by 3, so with every padding; pixels at random, so with every letter.
    for cut in range(3):
        content = encode_png(picture(0)) + bytes(cut)
        row = {**ROW, "person": SPELLINGS[spelling](content)}
        student.predict(None, pd.DataFrame([row]))
        np.testing.assert_array_equal(Mirror.asked[0].rgb, picture(0))


@pytest.mark.parametrize("garbage", ["x", "a.b", "ab=cd", "https://shop/shirt.png", "\u00e4"])
def test_what_is_no_base64_is_named(student: Any, garbage: str) -> None:
    with pytest.raises(served_error(), match="row 0, person: expected base64 .*, got") as refused:
        student.predict(None, pd.DataFrame([{**ROW, "person": garbage}]))
    assert repr(garbage) in str(refused.value)


def test_a_photos_transparency_is_its_mask(student: Any) -> None:
    cut_out = np.dstack([picture(1), MASK])
    row = {**ROW, "garment": base64.b64encode(encoded(cut_out)).decode()}
    student.predict(None, pd.DataFrame([row]))
    assert Mirror.asked[1].mask_source == "alpha"
    np.testing.assert_array_equal(Mirror.asked[1].mask, np.where(MASK > 127, 255, 0))


def test_what_is_doubtful_of_the_photos_is_said_beside_the_answer(student: Any) -> None:
    from pfafn.registry import versions

    rgb = np.full((H, W, 3), 255, np.uint8)
    rgb[2:12, 4:-4] = rgb[-12:-2, 4:-4] = 90
    odd = base64.b64encode(encoded(rgb, icc_profile=b"no profile" * 30)).decode()
    answer = student.predict(None, pd.DataFrame([ROW | {"garment": odd}, ROW]))
    assert re.match("garment: its colour profile .*; garment: .* in 2 pieces", answer["note"][0])
    assert answer["note"][1] == ""
    assert tuple(answer) == versions.ANSWER


def test_an_answer_says_that_its_colours_are_srgb(student: Any) -> None:
    answer = student.predict(None, pd.DataFrame([ROW]))["image"][0]
    with Image.open(io.BytesIO(base64.b64decode(answer))) as image:
        assert image.info["icc_profile"] == srgb_profile()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a picture, and a link to one that is nobody's business.

    That lies beside it, and once more in a folder whose name begins alike.
    """
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/garment.png").write_bytes(encode_png(picture(1)))
    (tmp_path / "passport.png").write_bytes(encode_png(picture(2)))
    (tmp_path / "shop-staff").mkdir()
    (tmp_path / "shop-staff/passport.png").write_bytes(encode_png(picture(2)))
    (tmp_path / "shop/link.png").symlink_to(tmp_path / "passport.png")
    return tmp_path / "shop"


@pytest.mark.parametrize("relative", [True, False])
def test_a_picture_may_be_a_file_of_the_folder_that_is_open_to_all(
    student: Any, shop: Path, relative: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_SERVED_PATHS", str(shop))
    name = "garment.png" if relative else str(shop / "garment.png")
    student.predict(None, pd.DataFrame([{**ROW, "garment": name}]))
    np.testing.assert_array_equal(Mirror.asked[1].rgb, picture(1))


@pytest.mark.parametrize(
    "name",
    ["../passport.png", "link.png", "{}/passport.png", "../shop-staff/passport.png", "no.png", "."],
)
def test_no_other_file_is_read(
    student: Any, shop: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_SERVED_PATHS", str(shop))
    asked = pd.DataFrame([{**ROW, "garment": name.format(shop.parent)}])
    with pytest.raises(served_error(), match=f"or the path of a file below {shop}, got"):
        student.predict(None, asked)


def test_by_default_no_file_is_read_at_all(student: Any, shop: Path) -> None:
    asked = pd.DataFrame([{**ROW, "garment": str(shop / "garment.png")}])
    with pytest.raises(served_error(), match="garment: expected base64 of a PNG or JPEG, got"):
        student.predict(None, asked)


@pytest.mark.parametrize(
    ("limit", "value", "says"),
    [
        ("MOST_ROWS", 1, "expected at most 1 rows, got 2: send fewer"),
        ("MOST_BYTES", 500, "expected at most 500 bytes in all rows, got"),
        ("SECONDS", -1, "0 of 2 rows took more than .* s: send fewer rows"),
    ],
)
def test_a_request_is_bounded_in_all_it_may_cost(
    student: Any, limit: str, value: float, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pfafn.inference import served

    monkeypatch.setattr(served, limit, value)
    with pytest.raises(served_error(), match=says):
        student.predict(None, pd.DataFrame([ROW, ROW]))


@pytest.mark.parametrize("column", ["person", "garment", "garment_mask"])
def test_a_picture_with_too_many_pixels_is_named_before_it_is_decoded(
    student: Any, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pfafn.inference import served

    large = text(np.zeros((H, W + 1, 3), np.uint8))[:-20] + 20 * "A"  # not to be decoded
    monkeypatch.setattr(served, "MOST_PIXELS", H * W)
    with pytest.raises(
        served_error(), match=f"row 0, {column}: 49x36 is more than 1728 pixels; shrink it"
    ):
        student.predict(None, pd.DataFrame([{**ROW, column: large}]))


def test_what_the_bounds_allow_is_answered(student: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pfafn.inference import served

    monkeypatch.setattr(served, "MOST_ROWS", 2)
    monkeypatch.setattr(served, "MOST_BYTES", 2 * sum(map(len, ROW.values())))
    monkeypatch.setattr(served, "MOST_PIXELS", H * W)
    assert len(student.predict(None, pd.DataFrame([ROW, ROW]))) == 2


def test_the_tutor_also_gets_parsing_keypoints_and_body_parts(tutor: Any) -> None:
    parsing = np.arange(H * W, dtype=np.uint8).reshape(H, W) % 14
    row = {**ROW, "parsing": text(parsing), "keypoints": json.dumps(list(range(54)))}
    tutor.predict(None, pd.DataFrame([row, {**row, "body_parts": text(parsing)}]))
    _, _, shown, keypoints, parts = Mirror.asked
    np.testing.assert_array_equal(shown, parsing)
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
        ("keypoints", f"[1{'0' * 400}]", "row 0, keypoints: expected JSON of 54 numbers"),
        ("keypoints", "[" * 5000, "row 0, keypoints: expected JSON of 54 numbers"),
        ("keypoints", "0" * 20_000, "row 0, keypoints: expected at most 10000 characters"),
        ("parsing", None, "row 0, parsing: expected a picture"),
    ],
)
def test_a_bad_row_is_named_with_its_column(
    tutor: Any, column: str, value: str | None, says: str
) -> None:
    row = {**ROW, "parsing": text(MASK % 14), "keypoints": json.dumps([0] * 54)}
    with pytest.raises(served_error(), match=says):
        tutor.predict(None, pd.DataFrame([{**row, column: value}]))


def test_bytes_that_are_no_picture_are_named_with_row_and_column(student: Any) -> None:
    row = {**ROW, "garment": base64.b64encode(b"not a picture" * 200).decode()}
    with pytest.raises(served_error(), match="row 0, garment"):
        student.predict(None, pd.DataFrame([row]))


def test_a_row_that_cannot_be_used_is_the_callers_error_not_the_servers(student: Any) -> None:
    with pytest.raises(served_error(), match="row 1, garment") as refused:
        student.predict(None, pd.DataFrame([ROW, {**ROW, "garment": "no picture"}]))
    assert refused.value.get_http_status_code() == 400
    assert "row 1, garment" in refused.value.message


def test_what_the_server_says_is_the_sentence_and_nothing_of_the_request(student: Any) -> None:
    with pytest.raises(served_error()) as refused:
        student.predict(None, pd.DataFrame([{**ROW, "garment": text(picture(1))[:200]}]))
    # As MLflow's server does before it answers.
    refused.value.message = f"Failed to predict data '{ROW}'. \nError: {refused.value.message}"
    said = json.loads(refused.value.serialize_as_json())
    assert said["message"].startswith("row 0, garment: damaged picture")
    assert "stack_trace" not in said


def test_a_fault_of_the_server_is_told_to_its_log_alone(
    student: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(Mirror, "try_on", broken)
    with pytest.raises(served_error(), match="row 0 failed on the server") as failed:
        student.predict(None, pd.DataFrame([ROW]))
    assert failed.value.get_http_status_code() == 500
    assert "/secret/path" not in failed.value.serialize_as_json()
    assert "/secret/path" in caplog.text
