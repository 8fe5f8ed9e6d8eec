"""The served model: rows of pictures in, a PNG out, and clear words for a bad row."""

import base64
import io
import json
import re
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from iccprofiles import encoded
from mirror import MASK, ROW, H, Mirror, W, picture, served_error, text
from PIL import Image

from pfafn.photos.colours import srgb_profile
from pfafn.photos.images import decode_rgb, encode_png

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


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
    from pfafn.registry import stored

    rgb = np.full((H, W, 3), 255, np.uint8)
    rgb[2:12, 4:-4] = rgb[-12:-2, 4:-4] = 90
    odd = base64.b64encode(encoded(rgb, icc_profile=b"no profile" * 30)).decode()
    answer = student.predict(None, pd.DataFrame([ROW | {"garment": odd}, ROW]))
    assert re.match("garment: its colour profile .*; garment: .* in 2 pieces", answer["note"][0])
    assert answer["note"][1] == ""
    assert tuple(answer) == stored.ANSWER


def test_an_answer_says_that_its_colours_are_srgb(student: Any) -> None:
    answer = student.predict(None, pd.DataFrame([ROW]))["image"][0]
    with Image.open(io.BytesIO(base64.b64decode(answer))) as image:
        assert image.info["icc_profile"] == srgb_profile()


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
        ("person", ["two"], r"row 0, person: expected a picture, got \['two'\]"),
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


def test_a_row_that_cannot_be_used_stops_no_other(student: Any) -> None:
    answer = student.predict(None, pd.DataFrame([{**ROW, "garment": "no picture"}, ROW]))
    assert [bool(image) for image in answer["image"]] == [False, True]
    assert answer["error"][0].startswith("garment: not a picture in a format this reads")
    assert answer["error"][1] == ""


def test_a_request_of_which_no_row_can_be_used_is_the_callers_error(student: Any) -> None:
    with pytest.raises(served_error(), match="row 0, garment") as refused:
        student.predict(None, pd.DataFrame([{**ROW, "garment": "no picture"}] * 2))
    assert refused.value.get_http_status_code() == 400
    assert "row 0, garment" in refused.value.message


def test_a_person_in_several_garments_is_encoded_once(
    student: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mirror, "encoded", 0)
    rows = [ROW, {**ROW, "garment": text(picture(3))}, {**ROW, "person": text(picture(2))}, ROW]
    student.predict(None, pd.DataFrame(rows))
    assert Mirror.encoded == 3
    student.predict(None, pd.DataFrame([ROW]))  # nothing is kept from one request to the next
    assert Mirror.encoded == 4


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
    with pytest.raises(served_error(), match="row 0, failed on the server") as failed:
        student.predict(None, pd.DataFrame([ROW]))
    assert failed.value.get_http_status_code() == 500
    assert "/secret/path" not in failed.value.serialize_as_json()
    assert "/secret/path" in caplog.text
