"""What a served model takes from strangers: no file of its machine, and no more than it bears."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mirror import ROW, H, Mirror, W, picture, served_error, text

from pfafn.photos.images import encode_png

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


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
        ("SECONDS", -1, "row 0, the request took more than .* s: send fewer rows"),
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
