"""A person is shown to a network as training photos show one, wherever in a photo they stand."""

import numpy as np
import pytest

from pfafn.models.parts import Keypoint
from pfafn.photos.fitting import fit, restore
from pfafn.photos.framing import MIDDLE, NECK_DOWN, TORSO, Frame, frame, matched, show
from pfafn.photos.pasting import ALL, pasted

MODEL = (64, 48)


def pose(neck: tuple[float, float], torso: float, *, hips: bool = True) -> np.ndarray:
    """Somebody who stands upright with the neck at (x, y)."""
    (x, y), points = neck, np.zeros((18, 3), np.float32)
    broad = 0.67 * torso / 2
    points[Keypoint.NECK] = x, y, 1
    points[Keypoint.RIGHT_SHOULDER], points[Keypoint.LEFT_SHOULDER] = (
        (x - broad, y, 1), (x + broad, y, 1))  # fmt: skip
    if hips:
        points[Keypoint.RIGHT_HIP] = x - broad / 2, y + torso, 1
        points[Keypoint.LEFT_HIP] = x + broad / 2, y + torso, 1
    return points


@pytest.mark.parametrize("hips", [True, False])
def test_a_person_small_in_a_large_photo_fills_the_frame_as_training_persons_do(hips) -> None:
    found = frame((600, 900), pose((700, 200), 50, hips=hips), MODEL)
    assert found.height == pytest.approx(50 / TORSO, abs=1)
    assert found.width / found.height == pytest.approx(MODEL[1] / MODEL[0], abs=0.01)
    assert (200 - found.top) / found.height == pytest.approx(NECK_DOWN, abs=0.01)
    assert (700 - found.left) / found.width == pytest.approx(MIDDLE, abs=0.01)


def test_who_leans_towards_the_camera_keeps_the_head_in_the_frame() -> None:
    """The hips seem near to the neck; the shoulders tell how large the person is."""
    bent = pose((450, 200), 100)
    bent[[Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP], 1] = 220
    upright = frame((600, 900), pose((450, 200), 100), MODEL)
    assert frame((600, 900), bent, MODEL).height > 0.7 * upright.height


def test_a_photo_framed_like_the_training_photos_is_shown_whole() -> None:
    size = (256, 192)
    for down, torso in ((0.28, 0.36), (0.33, 0.43), (0.38, 0.5)):
        told = pose((0.5 * size[1], down * size[0]), torso * size[0])
        assert frame(size, told, MODEL) == Frame.whole(size)


@pytest.mark.parametrize("missing", [None, Keypoint.NECK, "torso", "outside"])
def test_without_a_pose_that_tells_neck_and_torso_the_whole_photo_is_shown(missing) -> None:
    told = None if missing is None else pose((700, 200), 50, hips=missing != "torso")
    if missing == Keypoint.NECK:
        told[Keypoint.NECK] = 0
    elif missing == "torso":
        told[Keypoint.LEFT_SHOULDER] = 0
    elif missing == "outside":
        told[Keypoint.NECK, 0] = 900
    assert frame((600, 900), told, MODEL) == Frame.whole((600, 900))


@pytest.mark.parametrize("size", [(64, 48), (128, 96), (200, 130), (50, 90), (7, 5)])
def test_the_whole_photo_is_shown_as_it_is_letterboxed(size) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    expected = fit(rgb, MODEL, interpolation="smooth", fill=255)
    np.testing.assert_array_equal(show(rgb, Frame.whole(size), MODEL), expected)


def test_beside_the_photo_a_frame_shows_white() -> None:
    rgb = np.zeros((40, 30, 3), np.uint8)
    shown = show(rgb, Frame(-10, 18, 32, 24), (64, 48))
    assert (shown[:20] == 255).all() and (shown[:, 24:] == 255).all()
    assert (shown[20:, :24] == 0).all()


@pytest.mark.parametrize("box", [(10, 20, 128, 96), (-40, 150, 128, 96), (90, -30, 130, 97)])
def test_what_is_shown_comes_back_to_where_it_was(box) -> None:
    """A smooth photo's frame, brought to the model's size and back; also at the photo's edges."""
    ys, xs = np.mgrid[:170, :230]
    rgb = np.stack([ys, xs, ys + xs], axis=-1).clip(0, 255).astype(np.uint8)
    place = Frame(*box)
    shown, part = show(rgb, place, MODEL), np.zeros(MODEL, np.uint8)
    part[20:55, 15:40] = ALL
    for share in (np.full_like(part, ALL), part):
        back = pasted(rgb, shown, share, place).astype(int)
        assert np.abs(back - rgb).max() <= 3


def test_a_frame_of_the_whole_photo_comes_back_as_a_letterbox_does() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (*MODEL, 3), np.uint8)
    rgb, share = np.zeros((640, 300, 3), np.uint8), np.full(MODEL, ALL, np.uint8)
    found = pasted(rgb, picture, share, Frame.whole((640, 300))).astype(int)
    assert np.abs(found - restore(picture, (640, 300))).mean() < 4  # of two bicubic kernels


def test_only_what_lies_in_the_photo_is_matched() -> None:
    source, target = matched(Frame(-32, 10, 64, 48), (100, 40), MODEL)
    assert source == Frame(0, 10, 32, 30)
    assert target == Frame(32, 0, 32, 30)
