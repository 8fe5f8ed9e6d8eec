"""What a picture must be like to be a photo, and by what two are told apart."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from iccprofiles import encoded

from pfafn.annotations.parsing import SCHEMES, Atr, Lip
from pfafn.data.catalogue import GarmentFiles, PersonFiles
from pfafn.data.check import DEFAULTS
from pfafn.data.findings import Problem, Reason
from pfafn.data.inspection import Inspector, decode_body_parts, digest
from pfafn.data.layouts import LAYOUTS
from pfafn.models.parts import Category, Parsing
from pfafn.photos.images import encode_png


def reasons(folder: Path, rgb: np.ndarray) -> list[Reason]:
    """Why a garment's picture is not taken; its mask is the left half."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    mask[:, : rgb.shape[1] // 2] = 255
    for name, pixels in (("g.png", rgb), ("m.png", mask)):
        (folder / name).write_bytes(encode_png(pixels))
    files = GarmentFiles("g", "train", Category.UPPER, folder / "g.png", folder / "m.png")
    inspector = Inspector(folder, LAYOUTS["viton"], DEFAULTS)
    return [finding.reason for finding in inspector.garment(files).findings]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(32, 32), (32, 128), (128, 32)])
def test_a_photo_has_32_pixels_a_side_and_is_four_times_as_long_at_most(
    size: tuple[int, int], tmp_path: Path
) -> None:
    assert reasons(tmp_path, noise(*size)) == []


@pytest.mark.parametrize("size", [(31, 64), (64, 31), (32, 129), (129, 32)])
def test_a_smaller_or_longer_picture_is_none(size: tuple[int, int], tmp_path: Path) -> None:
    assert reasons(tmp_path, noise(*size)) == [Reason.IMPLAUSIBLE_SIZE]


def test_only_a_picture_of_one_colour_is_blank(tmp_path: Path) -> None:
    plain = np.full((40, 64, 3), (200, 10, 30), np.uint8)
    assert reasons(tmp_path, plain) == [Reason.BLANK]
    plain[39, 63] = 0
    assert reasons(tmp_path, plain) == []


def test_what_is_doubtful_is_noted_and_rejects_nothing(tmp_path: Path) -> None:
    rgb = np.full((40, 64, 3), 255, np.uint8)
    rgb[4:16, 8:-8] = rgb[-16:-4, 8:-8] = 90
    (tmp_path / "g.png").write_bytes(encoded(rgb, icc_profile=b"no profile" * 30))
    files = GarmentFiles("g", "train", Category.UPPER, tmp_path / "g.png", None)
    report = Inspector(tmp_path, LAYOUTS["viton"], DEFAULTS).garment(files)
    assert report.usable
    assert [f.reason for f in report.findings] == [Reason.COLOURS, Reason.MASK_DOUBTFUL]
    assert "in 2 pieces" in str(report.findings[1].value)


def test_colours_of_a_person_that_cannot_be_told_are_noted(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(encoded(noise(40, 32), icc_profile=b"no profile" * 30))
    alone = dict.fromkeys(("garment", "parsing", "keypoints", "body_parts"))
    files = PersonFiles("p", "test", Category.UPPER, tmp_path / "p.png", **alone)
    report = Inspector(tmp_path, LAYOUTS["viton"], DEFAULTS).person(files)
    assert report.usable
    assert [f.reason for f in report.findings] == [Reason.COLOURS]


def test_pictures_of_the_same_bytes_in_another_shape_are_others() -> None:
    pixels = noise(4, 6)
    assert digest(pixels) == digest(pixels.copy())
    assert digest(pixels) != digest(pixels.reshape(6, 4, 3))


@pytest.mark.parametrize(
    ("layout", "source", "target"),
    [
        ("viton", Parsing.DRESS, Parsing.DRESS),
        ("viton-resize", Lip.COAT, Parsing.BACKGROUND),
        ("viton-hd", Lip.COAT, Parsing.UPPER_CLOTHES),
        ("dresscode", Atr.HEAD, Parsing.FACE),
    ],
)
def test_each_layout_reads_parsing_by_its_own_table(
    layout: str, source: int, target: Parsing
) -> None:
    assert SCHEMES[LAYOUTS[layout].scheme][source] == target


SIZE = (4, 6)
DENSE = np.arange(24, dtype=np.uint8).reshape(SIZE) + 1


@pytest.mark.parametrize("kind", [".npy", ".png"])
def test_body_parts_come_from_an_array_or_a_picture_of_ids(kind: str) -> None:
    stream = BytesIO()
    np.save(stream, DENSE.astype(np.float64))
    content = stream.getvalue() if kind == ".npy" else encode_png(DENSE)
    found = decode_body_parts(content, kind, SIZE)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, DENSE)


@pytest.mark.parametrize(
    ("pixels", "size", "reason"),
    [
        (DENSE + 1, SIZE, Reason.BODY_PARTS),
        (DENSE, SIZE[::-1], Reason.SIZE_MISMATCH),
    ],
)
def test_body_parts_of_strange_ids_or_another_size_are_refused(
    pixels: np.ndarray, size: tuple[int, int], reason: Reason
) -> None:
    with pytest.raises(Problem) as found:
        decode_body_parts(encode_png(pixels), ".png", size)
    assert found.value.reason == reason
