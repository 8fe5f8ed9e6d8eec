"""`pfafn check PICTURE...`: a table for people, lines of JSON for programs, an exit code."""

import json
from pathlib import Path

import numpy as np
import photoset
import pytest
from verbs import done, refused, run

from pfafn.photos.images import encode_png

GARMENT, MASK = photoset.garment(1, (128, 96))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PFAFN_ESTIMATORS", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    Path("garment.png").write_bytes(encode_png(GARMENT))
    Path("mask.png").write_bytes(encode_png(np.roll(MASK, 9, axis=1)))
    Path("blank.png").write_bytes(encode_png(np.full((128, 96, 3), 90, np.uint8)))
    return tmp_path


def test_a_picture_that_can_be_used_is_said_to_be_one(photos: Path) -> None:
    told = done("check", "garment.png")
    assert told.stdout.splitlines() == [
        "garment.png (garment): can be used",
        "  note    mask              its mask is told from its light background; 100% of",
        "                            its outline shows in the photo",
    ]
    assert told.stderr == "1 of 1 pictures can be used\n"


def test_one_that_is_refused_fails_and_says_what_to_do_in_80_columns(photos: Path) -> None:
    told = run("check", "garment.png", "blank.png", "missing.png", "--as", "person")
    assert told.exit_code == 1
    assert "blank.png (person): cannot be used\n  refuse  blank " in told.stdout
    assert "-> take a photo that shows something" in told.stdout
    assert "missing.png (person): cannot be used" in told.stdout
    assert told.stderr == "1 of 3 pictures can be used\n"
    assert max(map(len, told.stdout.splitlines())) <= 80


def test_each_finding_is_a_line_of_json_with_its_file(photos: Path) -> None:
    told = done("check", "garment.png", "--mask", "mask.png", "--json")
    first, second = map(json.loads, told.stdout.splitlines())
    assert (first["file"], first["as"]) == ("garment.png", "garment")
    assert (first["name"], first["severity"], first["limit"]) == ("mask_elsewhere", "warn", 0.9)
    assert second["name"] == "mask"


def test_a_folder_among_pictures_is_refused_and_so_is_one_mask_for_several(photos: Path) -> None:
    assert "name one data folder alone" in refused("check", "garment.png", photos)
    assert "2 are named" in refused("check", "garment.png", "blank.png", "--mask", "mask.png")
