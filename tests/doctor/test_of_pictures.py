"""What the doctor finds of any photo, whatever it shows."""

import cv2
import numpy as np
import photoset
import pytest
from lookers import SIZE, H, W

from pfafn.doctor.findings import REMEDIES
from pfafn.doctor.pictures import BLURRED, CHANGED, edge_width, looked_at, of_picture
from pfafn.photos.changes import Change
from pfafn.photos.entrance import PersonPhoto

PERSON = photoset.person(1, SIZE)


def names(rgb: np.ndarray, size: tuple[int, int] = SIZE) -> list[str]:
    return [finding.name for finding in of_picture(PersonPhoto.of(rgb), size)]


@pytest.mark.parametrize("change", Change)
def test_every_change_at_the_entrance_is_a_finding_with_what_was_done(change: Change) -> None:
    [finding] = of_picture(PersonPhoto.of(PERSON)._replace(changes=(change,)), SIZE)
    assert finding.name == change
    assert finding.changed == CHANGED[change][1]
    assert change in REMEDIES


@pytest.mark.parametrize(("spread", "found"), [(0, ["blank"]), (1, ["blank"]), (3, [])])
def test_a_photo_of_one_shade_is_blank(spread: int, found: list) -> None:
    rgb = np.full((*SIZE, 3), 200, np.uint8)
    rgb[: H // 2] -= spread
    assert names(rgb) == found


@pytest.mark.parametrize(("size", "found"), [
    (SIZE, []), ((H - 1, W), []), ((H + 1, W), []), ((H + 1, W + 1), ["small"]),
])  # fmt: skip
def test_a_photo_that_must_be_enlarged_is_small(size: tuple[int, int], found: list) -> None:
    assert names(PERSON, size) == found


@pytest.mark.parametrize("sigma", [1, 2, 3, 4])
def test_the_width_of_an_edge_grows_with_its_blur_whatever_its_contrast(sigma: float) -> None:
    step = np.where(np.arange(W) < W // 2, 20, 220).astype(np.float32)[None].repeat(H, 0)
    one, faint = (cv2.GaussianBlur(x, (0, 0), sigma) for x in (step, 100 + step / 10))
    # Of a Gaussian edge slope / curvature is sigma * sqrt(e); SMOOTH blurs once more.
    assert edge_width(one) == pytest.approx(np.sqrt((sigma**2 + 1) * np.e), rel=0.1)
    assert edge_width(faint) == pytest.approx(edge_width(one), rel=0.01)


@pytest.mark.parametrize(("sigma", "found"), [(0.4, []), (0.8, ["blurred"])])
def test_edges_may_take_hardly_more_pixels_than_sharp_ones(sigma: float, found: list) -> None:
    step = np.where(np.arange(W) < W // 2, 20, 220).astype(np.uint8)[None, :, None]
    assert names(cv2.GaussianBlur(np.tile(step, (H, 1, 3)), (0, 0), sigma)) == found


@pytest.mark.parametrize("sigma", [2, 3])
def test_a_smaller_photo_is_as_blurred_as_a_larger_one(sigma: float) -> None:
    sharp = edge_width(looked_at(PERSON[::2, ::2]))
    soft = cv2.GaussianBlur(PERSON, (0, 0), sigma)[::2, ::2]
    assert sharp < BLURRED < edge_width(looked_at(soft))
    assert edge_width(looked_at(soft)) == pytest.approx(
        edge_width(looked_at(cv2.GaussianBlur(PERSON, (0, 0), sigma))), rel=0.25
    )


def test_a_blurred_photo_is_told_at_any_size() -> None:
    large = cv2.resize(PERSON, (3 * W, 3 * H), interpolation=cv2.INTER_NEAREST)
    assert names(large) == []
    assert names(cv2.GaussianBlur(large, (0, 0), 9)) == ["blurred"]
    assert looked_at(large).shape == SIZE


def test_noise_does_not_hide_a_blur() -> None:
    noise = np.random.default_rng(0).normal(0, 4, PERSON.shape)
    soft = cv2.GaussianBlur(PERSON, (0, 0), 3) + noise
    assert names(soft.clip(0, 255).astype(np.uint8)) == ["blurred"]
