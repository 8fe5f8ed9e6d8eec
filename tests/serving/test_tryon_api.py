"""/v1: what is sent and what is answered."""

import base64
import io
from typing import Any

import numpy as np
import photoset
import pytest
from PIL import Image
from shop import GARMENT, PAIR, PERSON, TestClient

from pfafn.inference import TryOn
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import decode_rgb, encode_png


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def picture(url: str) -> np.ndarray:
    return decode_rgb(base64.b64decode(url.partition("base64,")[2]))


@pytest.fixture
def expected(weights: Any) -> np.ndarray:
    model = TryOn.load(weights)
    photos = PersonPhoto.decode(PERSON), GarmentPhoto.decode(GARMENT)
    return model.try_on(*photos, preserve=True)


def test_a_form_is_answered_with_the_person_in_the_garment(
    client: TestClient, expected: np.ndarray
) -> None:
    answer = client.post("/v1/tryon", files=PAIR).json()
    assert answer["status"] == "completed" and answer["warnings"] == []
    assert answer["output"][0].startswith("data:image/png;base64,")
    np.testing.assert_allclose(picture(answer["output"][0]).astype(int), expected, atol=1)


def test_json_is_answered_alike(client: TestClient, expected: np.ndarray) -> None:
    garment = f"data:image/png;base64,{text(GARMENT)}"
    asked = {"person_image": text(PERSON), "garment_image": garment}
    answer = client.post("/v1/tryon", json=asked).json()
    np.testing.assert_allclose(picture(answer["output"][0]).astype(int), expected, atol=1)


@pytest.mark.parametrize(
    "asked",
    [
        {"model_image": "P", "product_image": "G"},
        {"human_image": "P", "cloth_image": "G"},
        {"human_img": "P", "garm_img": "G"},
        {"human_image_url": "P", "garment_image_url": "G"},
        {"person_image": "P", "garment_images": ["G"]},
        {"model_name": "tryon-v1.6", "inputs": {"model_image": "P", "garment_image": "G"}},
        {"input": {"human_img": "P", "garm_img": "G"}},
        {
            "personImage": {"image": {"bytesBase64Encoded": "P"}},
            "productImages": [{"image": {"bytesBase64Encoded": "G"}}],
        },
    ],
)
def test_fields_may_have_the_names_that_other_services_give_them(
    client: TestClient, asked: dict[str, Any]
) -> None:
    assert client.post("/v1/tryon", json=filled(asked)).json()["status"] == "completed"


def filled(asked: Any) -> Any:
    if isinstance(asked, dict):
        return {name: filled(value) for name, value in asked.items()}
    if isinstance(asked, list):
        return [filled(value) for value in asked]
    return {"P": text(PERSON), "G": text(GARMENT)}.get(asked, asked)


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_the_result_has_the_format_that_was_asked_for(
    client: TestClient, name: str, kind: str
) -> None:
    answer = client.post("/v1/tryon", files=PAIR, data={"output_format": name}).json()
    head, _, content = answer["output"][0].partition(",")
    assert head == f"data:image/{name};base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert (image.format, image.size) == (kind, (60, 80))


@pytest.mark.parametrize(("said", "preserve"), [({}, True), ({"preserve_input_size": "no"}, False)])
def test_what_the_garment_does_not_change_is_kept_unless_that_is_declined(
    client: TestClient, said: dict[str, str], preserve: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def dress(self: TryOn, pairs: list[Any], *, preserve: bool) -> list[np.ndarray]:
        asked.append(preserve)
        return [np.zeros((80, 60, 3), np.uint8) for _ in pairs]

    monkeypatch.setattr(TryOn, "dress", dress)
    client.post("/v1/tryon", files=PAIR, data=said)
    assert asked == [preserve]


def test_a_mask_says_where_the_garment_is(client: TestClient) -> None:
    rgb, mask = photoset.garment(2, (64, 96))
    mask[:30] = 0
    with_mask = PAIR | {"garment_mask": ("mask.png", encode_png(mask))}
    plain, masked = (client.post("/v1/tryon", files=files).json() for files in (PAIR, with_mask))
    assert plain["output"] != masked["output"]


def test_a_result_can_be_fetched_from_a_link(client: TestClient) -> None:
    whole = client.post("/v1/tryon", files=PAIR).json()["output"][0]
    [link] = client.post("/v1/tryon", files=PAIR, data={"return_base64": "false"}).json()["output"]
    fetched = client.get(link)
    assert fetched.headers["content-type"] == "image/png"
    assert fetched.headers["cache-control"] == "no-store"
    assert text(fetched.content) == whole.partition(",")[2]


def test_a_job_goes_on_while_its_status_is_asked_for(client: TestClient) -> None:
    accepted = client.post("/v1/run", files=PAIR).json()
    assert accepted["error"] is None
    seen = [client.get(f"/v1/status/{accepted['id']}").json()]
    while seen[-1]["status"] not in ("completed", "failed"):
        seen.append(client.get(f"/v1/status/{accepted['id']}").json())
    assert {told["status"] for told in seen} <= {"starting", "in_queue", "processing", "completed"}
    assert seen[-1]["output"] == client.post("/v1/tryon", files=PAIR).json()["output"]
    assert seen[-1]["error"] is None


def test_a_job_that_fails_says_why(client: TestClient) -> None:
    files = PAIR | {"garment_image": ("g.png", encode_png(np.full((64, 96, 3), 255, np.uint8)))}
    job = client.post("/v1/run", files=files).json()["id"]
    while (told := client.get(f"/v1/status/{job}").json())["status"] != "failed":
        assert told["status"] != "completed"
    assert told["error"].keys() == {"name", "message", "remedy"}
    assert told["error"]["name"] == "PhotoError"
    assert "it is blank" in told["error"]["message"]


def test_what_has_no_effect_is_said(client: TestClient) -> None:
    data = {"seed": "7", "category": "bottoms", "garment_photo_type": "model", "mood": "fine"}
    warnings = client.post("/v1/tryon", files=PAIR, data=data).json()["warnings"]
    assert [warning["name"] for warning in warnings] == [
        "seed", "category", "garment_photo_type", "field",
    ]  # fmt: skip
    assert "'mood' is unknown" in warnings[-1]["text"]


def test_photos_are_judged_without_dressing_anybody(client: TestClient) -> None:
    verdict = client.post("/v1/check", files={"person_image": ("p.png", PERSON)}).json()
    assert [(found["name"], found["severity"]) for found in verdict["person"]] == [
        ("person_unknown", "note"),  # no estimator is installed
    ]
    assert verdict["garment"] is None and verdict["usable"]
    asked = {"person_image": ("chair.txt", b"a chair"), "garment_image": ("g.png", GARMENT)}
    verdict = client.post("/v1/check", files=asked).json()
    assert not verdict["usable"] and [f["name"] for f in verdict["garment"]] == ["mask"]
    assert [f["severity"] for f in verdict["person"]] == ["refuse"]


def test_what_a_try_on_is_made_of_is_shown_in_three_pictures(client: TestClient) -> None:
    made = client.post("/v1/explain", files=PAIR).json()
    assert made.keys() == {"warped", "mask", "flow"}
    assert {picture(url).shape for url in made.values()} == {(80, 60, 3)}


def test_the_model_that_serves_is_told(client: TestClient) -> None:
    told = client.get("/v1/model").json()
    assert (told["name"], told["role"], told["trouble"]) == ("student.safetensors", "student", None)
    answer = client.post("/v1/tryon", files=PAIR).json()
    assert answer["model_version"] == f"{told['name']}/{told['version']}"


def test_the_test_set_is_there_to_choose_from(client: TestClient) -> None:
    there = client.get("/v1/gallery").json()
    assert [entry["name"] for entry in there["persons"]] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [entry["name"] for entry in there["garments"]] == ["g0.png", "g1.png", "g2.png"]
    person, garment = (client.get(there[kind][0]["url"]).content for kind in there)
    small = client.get(there["garments"][0]["thumb"])
    assert small.headers["content-type"] == "image/jpeg"
    files = {"person_image": ("p", person), "garment_image": ("g", garment)}
    assert client.post("/v1/tryon", files=files).json()["status"] == "completed"


def test_the_open_inference_protocol_is_spoken(client: TestClient) -> None:
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 200
    model = client.get("/v1/model").json()
    for place in (f"/v2/models/{model['name']}",
                  f"/v2/models/{model['name']}/versions/{model['version']}"):  # fmt: skip
        assert client.get(place).json()["versions"] == [model["version"]]
        assert client.get(f"{place}/ready").status_code == 200
        columns = {"person_image": text(PERSON), "garment_image": text(GARMENT)}
        inputs = [{"name": name, "shape": [2], "datatype": "BYTES", "data": [content] * 2}
                  for name, content in columns.items()]  # fmt: skip
        answer = client.post(f"{place}/infer", json={"id": "7", "inputs": inputs}).json()
        assert (answer["id"], answer["outputs"][0]["shape"]) == ("7", [2])
        whole = client.post("/v1/tryon", files=PAIR).json()["output"][0]
        assert answer["outputs"][0]["data"] == [whole.partition(",")[2]] * 2


def test_prometheus_reads_what_was_done(client: TestClient) -> None:
    client.post("/v1/tryon", files=PAIR)
    client.post("/v1/tryon", files={"person_image": ("p.png", PERSON)})
    told = client.get("/metrics").text
    for line in (
        'pfafn_request_seconds_count{route="/v1/tryon",status="200"}',
        "pfafn_batch_pairs_count",
        'pfafn_refused_total{reason="InvalidField"}',
        'pfafn_model_info{name="student.safetensors"',
        "pfafn_queue_pairs 0.0",
    ):
        assert line in told
