"""The verdict on files: what each is taken for, and what becomes of bad ones."""

from pathlib import Path

import numpy as np
import photoset
import pytest
from lookers import ABSENT, SIZE, Looker

from pfafn.doctor.findings import REMEDIES, Finding, Kind, Severity
from pfafn.doctor.verdict import examine, warned
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import encode_png

GARMENT, MASK = photoset.garment(1, SIZE)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, array in (("person", photoset.person(1, SIZE)), ("garment", GARMENT),
                        ("mask", MASK)):  # fmt: skip
        (tmp_path / f"{name}.png").write_bytes(encode_png(array))
    return tmp_path


@pytest.mark.parametrize(("points", "kind"), [(None, Kind.PERSON), (ABSENT, Kind.GARMENT)])
def test_a_picture_is_what_who_looks_for_people_sees_in_it(photos, points, kind) -> None:
    looker = Looker() if points is None else Looker(points)
    assert examine(photos / "garment.png", people=looker).kind is kind


def test_without_anybody_who_looks_one_thing_on_white_is_a_garment(photos: Path) -> None:
    verdict = examine(photos / "garment.png")
    assert (verdict.kind, verdict.usable) == (Kind.GARMENT, True)
    (photos / "gray.png").write_bytes(encode_png(np.where(MASK[..., None], GARMENT, 120)))
    assert examine(photos / "gray.png").kind is Kind.PERSON


def test_what_has_a_mask_is_a_garment(photos: Path) -> None:
    verdict = examine(photos / "garment.png", people=Looker(), mask=photos / "mask.png")
    assert verdict.kind is Kind.GARMENT
    assert {finding.name for finding in verdict.findings} == {"worn", "mask"}


def test_a_file_that_is_no_picture_is_refused_in_its_verdict(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    verdict = examine(tmp_path / "text.jpg")
    [finding] = verdict.findings
    assert not verdict.usable
    assert (finding.name, finding.severity) == ("unreadable", Severity.REFUSE)
    assert "text.jpg" in finding.text


def test_a_finding_as_json_has_short_numbers() -> None:
    finding = Finding("small", Severity.WARN, 1.23456, 1.0, "it is small", None, "a larger one")
    assert finding.as_json() == {
        "name": "small", "severity": "warn", "value": 1.235, "limit": 1.0, "text": "it is small",
        "changed": None, "remedy": "a larger one",
    }  # fmt: skip
    assert finding.said() == "it is small; a larger one"


def test_the_page_on_photos_names_every_finding_with_its_remedy() -> None:
    page = (Path(__file__).parents[2] / "docs" / "photos.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == set(REMEDIES)
    for name, remedy in REMEDIES.items():
        assert remedy is None or remedy in rows[name]


def test_a_try_on_hears_the_warnings_and_not_the_notes() -> None:
    photo = GarmentPhoto.of(GARMENT, MASK)
    [warning] = warned(photo, Looker(), SIZE)
    assert warning.said() == f"somebody wears it; {REMEDIES['worn']}"
    assert warned(photo, None, SIZE) == []
    [warning] = warned(PersonPhoto.of(GARMENT[:100, :90]), None, SIZE)
    assert warning.text.startswith("it has 90x100 pixels and is enlarged to 192x256")


def test_a_try_on_hears_what_none_of_the_photo_keeps() -> None:
    photo = PersonPhoto.of(photoset.person(1, SIZE))._replace(lost="CMYK; a try-on of it is sRGB")
    [note] = warned(photo, Looker(), SIZE)
    assert (note.name, note.severity, note.text) == ("not_kept", Severity.NOTE, photo.lost)
    assert note in warned(photo, None, SIZE)


def test_a_try_on_of_a_refused_photo_fails_with_the_reason_and_the_remedy() -> None:
    with pytest.raises(PictureError, match="nobody is seen in it; take a photo of a person"):
        warned(PersonPhoto.of(photoset.person(1, SIZE)), Looker(ABSENT), SIZE)
