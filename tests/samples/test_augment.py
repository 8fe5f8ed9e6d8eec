import numpy as np
import pytest

from pfafn.models.parts import BodyPart, Keypoint, Parsing
from pfafn.samples.augment import Augment

H, W = 64, 48


def sample() -> dict[str, np.ndarray]:
    """A dark 3x3 dot at (x 31, y 21), everywhere the left forearm, in person and garment frames."""
    box = slice(20, 23), slice(30, 33)
    picture, ids = np.full((H, W, 3), 255, np.uint8), np.zeros((H, W), np.uint8)
    picture[box] = 90
    points = np.zeros((len(Keypoint), 3), np.float32)
    points[Keypoint.LEFT_WRIST] = 31, 21, 0.8
    maps = {name: ids.copy() for name in ("parsing", "body_parts", "garment_mask", "fake_mask")}
    maps["parsing"][box] = Parsing.LEFT_ARM
    maps["body_parts"][box] = BodyPart.LEFT_FOREARM
    maps["garment_mask"][box] = maps["fake_mask"][box] = 255
    pictures = {name: picture.copy() for name in ("person", "fake", "garment")}
    return maps | pictures | {"keypoints": points}


def augmented(seed: int = 3, **strength: float) -> dict[str, np.ndarray]:
    return Augment(**strength)(sample(), np.random.default_rng(seed))


def centre(weights: np.ndarray) -> tuple[float, float]:
    ys, xs = np.mgrid[:H, :W]
    weights = weights.astype(float)
    return (xs * weights).sum() / weights.sum(), (ys * weights).sum() / weights.sum()


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_without_strength_nothing_changes():
    assert_same(augmented(), sample())


def test_the_generator_alone_decides():
    strength = {"flip": 0.5, "shift": 0.2, "scale": 0.2, "colour": 0.2}
    augment = Augment(**strength)
    for seed in (7, 8):  # history must not matter
        augment(sample(), np.random.default_rng(seed))
    assert_same(augment(sample(), np.random.default_rng(3)), augmented(3, **strength))


def test_flip_mirrors_pictures_and_swaps_sides():
    out = augmented(flip=1.0)
    np.testing.assert_array_equal(out["person"], sample()["person"][:, ::-1])
    np.testing.assert_array_equal(out["garment"], sample()["garment"][:, ::-1])
    np.testing.assert_array_equal(out["fake_mask"], sample()["fake_mask"][:, ::-1])
    assert out["parsing"][21, W - 1 - 31] == Parsing.RIGHT_ARM
    assert out["body_parts"][21, W - 1 - 31] == BodyPart.RIGHT_FOREARM
    np.testing.assert_allclose(out["keypoints"][Keypoint.RIGHT_WRIST], [W - 1 - 31, 21, 0.8])
    assert (out["keypoints"][Keypoint.LEFT_WRIST] == 0).all()


def test_flipping_twice_is_no_change():
    augment, rng = Augment(flip=1.0), np.random.default_rng(0)
    assert_same(augment(augment(sample(), rng), rng), sample())


@pytest.mark.parametrize("seed", range(4))
def test_the_persons_frame_moves_together_and_the_garment_stays(seed):
    out = augmented(seed, shift=0.2, scale=0.3)
    x, y = out["keypoints"][Keypoint.LEFT_WRIST, :2]
    for name, weights in {
        "person": 255 - out["person"][..., 0],
        "fake": 255 - out["fake"][..., 0],
        "fake_mask": out["fake_mask"],
        "parsing": out["parsing"] == Parsing.LEFT_ARM,
        "body_parts": out["body_parts"] == BodyPart.LEFT_FOREARM,
    }.items():
        np.testing.assert_allclose(centre(weights), (x, y), atol=0.5, err_msg=name)
    for name in ("garment", "garment_mask"):
        np.testing.assert_array_equal(out[name], sample()[name])
    assert set(np.unique(out["parsing"])) <= {0, int(Parsing.LEFT_ARM)}


def test_points_that_leave_the_picture_are_missing():
    moved = [augmented(seed, shift=1.0)["keypoints"][Keypoint.LEFT_WRIST] for seed in range(12)]
    inside = [(0 <= p[0] < W) and (0 <= p[1] < H) for p in moved]
    assert all(inside)
    assert any((p == 0).all() for p in moved)


@pytest.mark.parametrize(
    ("point", "mirrored"),
    [
        ((0, 3), (W - 1, 3)),
        ((3, 0), (W - 4, 0)),
        ((W - 1, H - 1), (0, H - 1)),
        ((0.5, H - 1), (W - 1.5, H - 1)),
        ((-0.5, 9), (0, 0)),
        ((W - 0.5, 9), (0, 0)),
        ((9, -0.5), (0, 0)),
        ((9, H - 0.5), (0, 0)),
    ],
)
def test_a_point_is_inside_up_to_the_centre_of_the_last_pixel(point, mirrored):
    points = np.zeros((len(Keypoint), 3), np.float32)
    points[Keypoint.NECK] = *point, 0.5
    out = Augment(flip=1.0)(sample() | {"keypoints": points}, np.random.default_rng(0))
    expected = (*mirrored, 0.5 * any(mirrored))
    assert out["keypoints"][Keypoint.NECK].tolist() == list(expected)


def test_colour_changes_all_pictures_alike_and_no_map():
    out = augmented(colour=0.4)
    assert (out["person"] != sample()["person"]).any()
    np.testing.assert_array_equal(out["person"], out["garment"])
    np.testing.assert_array_equal(out["person"], out["fake"])
    np.testing.assert_array_equal(out["fake_mask"], sample()["fake_mask"])


def test_a_sample_of_person_and_garment_alone_is_enough():
    part = {name: sample()[name] for name in ("person", "garment", "garment_mask")}
    augment = Augment(flip=0.5, shift=0.1, scale=0.1, colour=0.1)
    assert augment(part, np.random.default_rng(0)).keys() == part.keys()


def test_a_mirror_needs_no_library(monkeypatch):
    monkeypatch.setattr("pfafn.samples.augment._albumentations", None)
    Augment(flip=1.0)
    with pytest.raises(TypeError):
        Augment(shift=0.1)
