"""What the doctor finds of a garment's photo and its mask."""

import numpy as np
import photoset
import pytest
from lookers import ABSENT, SEEN, SIZE, H, Looker, W

from pfafn.doctor.findings import Severity
from pfafn.doctor.garments import of_garment
from pfafn.photos.entrance import GarmentPhoto

RGB, MASK = photoset.garment(1, SIZE)


def found(rgb: np.ndarray, mask: np.ndarray | None = None, looker: Looker | None = None) -> list:
    """What is found beside the note on where the mask is from."""
    return [f for f in of_garment(GarmentPhoto.of(rgb, mask), looker) if f.name != "mask"]


def names(*given) -> list[str]:
    return [finding.name for finding in found(*given)]


def cloth(mask: np.ndarray) -> np.ndarray:
    """A photo of a garment of this shape, as dark and even as it goes."""
    noise = np.random.default_rng(0).integers(60, 90, (*mask.shape, 3))
    return np.where(mask[..., None], noise, 255).astype(np.uint8)


def box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("told", [None, MASK])
def test_of_a_good_photo_only_where_its_mask_is_from_is_said(told: np.ndarray | None) -> None:
    [finding] = of_garment(GarmentPhoto.of(RGB, told))
    assert (finding.name, finding.severity) == ("mask", Severity.NOTE)
    assert finding.value == 1  # all of the outline shows
    assert ("given with it" if told is not None else "light background") in finding.text


def test_a_photo_of_nothing_is_refused_for_that_alone() -> None:
    [finding] = of_garment(GarmentPhoto.of(np.full_like(RGB, 250)))
    assert (finding.name, finding.severity) == ("blank", Severity.REFUSE)


def test_a_photo_from_which_no_garment_is_told_is_refused() -> None:
    light = np.repeat(np.linspace(246, 255, W).astype(np.uint8)[None], H, axis=0)
    [finding] = of_garment(GarmentPhoto.of(light[..., None].repeat(3, axis=2)))
    assert (finding.name, finding.severity) == ("no_garment", Severity.REFUSE)
    assert finding.remedy and "mask" in finding.remedy


def test_whether_somebody_wears_it_is_asked_who_looks_for_people() -> None:
    assert names(RGB, MASK, Looker()) == ["worn"]
    assert names(RGB, MASK, Looker(ABSENT)) == []


@pytest.mark.parametrize(("score", "said"), [(7.2, []), (7.4, ["worn"])])
def test_a_few_points_that_might_be_somebodys_are_nobody(score: float, said: list[str]) -> None:
    points = SEEN.copy()
    points[:, 2] = score / len(points)
    assert names(RGB, MASK, Looker(points)) == said


def test_two_garments_are_counted_and_a_button_is_none() -> None:
    pair = box(40, 200, 10, 80) | box(40, 200, 110, 180)
    [finding] = found(cloth(pair))
    assert (finding.name, finding.value) == ("several_garments", 2)
    assert names(cloth(box(40, 200, 40, 150) | box(100, 104, 170, 174))) == []


@pytest.mark.parametrize(("height", "said"), [(32, ["mask_doubtful"]), (48, ["several_garments"])])
def test_a_part_is_a_garment_of_its_own_from_a_quarter_of_the_largest_on(
    height: int, said: list[str]
) -> None:
    assert names(cloth(box(40, 200, 10, 80) | box(40, 40 + height, 110, 180))) == said


def test_where_the_middle_has_the_colours_of_the_border_it_is_a_detail() -> None:
    """Dots all over the photo, and a shirt of them on something of another colour."""
    ys, xs = np.indices(SIZE)
    dots = np.hypot(ys % 48 - 24, xs % 32 - 10) < 9
    cloth = np.where(dots[..., None], np.uint8([190, 40, 40]), np.uint8([70, 70, 90]))
    [finding] = found(cloth)
    assert (finding.name, finding.severity) == ("close_up", Severity.WARN)
    assert finding.value > 0.8
    assert names(np.where(box(40, 210, 40, 150)[..., None], cloth, np.uint8([90, 160, 90]))) == []


@pytest.mark.parametrize(("left", "said"), [(70, []), (96, ["close_up"])])
def test_a_garment_leaves_room_for_its_background_in_the_middle(left: int, said: list[str]) -> None:
    """Of the middle, from column 48 to 144, a quarter is background, or a half."""
    shirt = np.where(box(40, 210, left, 170)[..., None], np.uint8([190, 40, 40]), np.uint8(90))
    assert names(shirt) == said


def test_a_garment_hardly_darker_than_its_background_is_white_on_white() -> None:
    soft = np.where(box(40, 200, 40, 150)[..., None], 250, 255).repeat(3, axis=2).astype(np.uint8)
    [finding] = found(soft)
    assert (finding.name, finding.severity) == ("white_on_white", Severity.WARN)
    assert finding.value == pytest.approx(1, abs=0.05)
    assert names(np.where(soft < 255, np.uint8(247), soft)) == []


@pytest.mark.parametrize(("width", "said"), [(25, []), (70, ["white_on_white"])])
def test_a_tenth_of_the_outline_may_hardly_show(width: int, said: list[str]) -> None:
    """Of an outline of 540 pixels some 30 hardly do, or some 75."""
    shirt = cloth(box(40, 200, 40, 150))
    shirt[188:200, 40 : 40 + width] = 250
    assert names(shirt) == said


def test_a_mask_that_is_shifted_or_of_another_photo_does_not_fit() -> None:
    shifted = np.roll(MASK, round(0.06 * W), axis=1)
    [finding] = found(RGB, shifted)
    # Both are half as wide as the picture: 0.44 of 0.56 of the width.
    assert finding.name == "mask_elsewhere"
    assert finding.value == pytest.approx(0.44 / 0.56, abs=0.02)
    assert names(RGB, np.roll(MASK, 2, axis=1)) == []


def test_a_mask_that_is_black_on_white_is_told_as_a_detail() -> None:
    assert names(RGB, 255 - MASK) == ["close_up"]


TROUSERS = box(20, 240, 50, 140) & ~box(80, 240, 90, 100)
SHAPES = {
    "trousers": (TROUSERS, ["not_a_top"]),
    "shorts of a suit": (box(20, 240, 40, 150) & ~box(180, 240, 90, 100), []),
    "a coat half open": (box(20, 240, 20, 172) & ~box(80, 240, 60, 70), []),
    "a dress": (box(10, 245, 60, 140), ["not_a_top"]),
    "a top with long sleeves": (box(20, 200, 20, 172) & ~box(60, 200, 50, 60)
                                & ~box(60, 200, 132, 142), []),
    "a hook above a top": (box(60, 200, 40, 150) | box(40, 60, 94, 98), ["hanger"]),
    "a label": (box(60, 200, 40, 150) | box(55, 60, 94, 98), []),
    "a low hook": (box(60, 200, 40, 150) | box(52, 60, 94, 98), ["hanger"]),
    "a wide hook": (box(60, 200, 40, 150) | box(40, 60, 92, 100), ["hanger"]),
    "a collar": (box(60, 200, 40, 150) | box(40, 60, 90, 102), []),
    "a strap": (box(120, 240, 40, 150) | box(20, 120, 94, 98), []),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_what_it_is_shows_in_the_shape_of_its_mask(shape: str) -> None:
    mask, expected = SHAPES[shape]
    assert names(cloth(mask), np.uint8(255) * mask) == expected
