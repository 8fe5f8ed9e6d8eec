import numpy as np
import photoset
import pytest

from pfafn.annotations.body_parts import derive_body_parts
from pfafn.models.parts import ARM_PARTS, BodyPart, Keypoint, Parsing
from pfafn.samples.augment import swap_sides

H, W = SIZE = (256, 192)


def derived(points=None, parsing=None) -> np.ndarray:
    points = photoset.keypoints(SIZE) if points is None else points
    return derive_body_parts(points, photoset.parsing(SIZE) if parsing is None else parsing)


def at(parts: np.ndarray, point: Keypoint, dx: int = 0, dy: int = 0) -> int:
    x, y = photoset.keypoints(SIZE)[point, :2].astype(int)
    return parts[y + dy, x + dx]


def test_limbs_lie_along_their_bones():
    parts = derived()
    assert parts.dtype == np.uint8
    assert at(parts, Keypoint.RIGHT_ELBOW, dy=-15) == BodyPart.RIGHT_UPPER_ARM
    assert at(parts, Keypoint.RIGHT_ELBOW, dy=15) == BodyPart.RIGHT_FOREARM
    assert at(parts, Keypoint.LEFT_ELBOW, dy=-15) == BodyPart.LEFT_UPPER_ARM
    assert at(parts, Keypoint.LEFT_KNEE, dy=-15) == BodyPart.LEFT_THIGH
    assert at(parts, Keypoint.RIGHT_KNEE, dy=15) == BodyPart.RIGHT_CALF


def test_skin_beyond_the_wrist_is_a_hand():
    assert at(derived(), Keypoint.RIGHT_WRIST, dy=5) == BodyPart.RIGHT_HAND
    assert at(derived(), Keypoint.LEFT_WRIST, dy=5) == BodyPart.LEFT_HAND


def test_arms_go_on_under_sleeves():
    parsing = photoset.parsing(SIZE)
    parsing[np.isin(parsing, (Parsing.LEFT_ARM, Parsing.RIGHT_ARM))] = Parsing.UPPER_CLOTHES
    parts = derived(parsing=parsing)
    assert at(parts, Keypoint.RIGHT_ELBOW, dy=-15) == BodyPart.RIGHT_UPPER_ARM
    assert at(parts, Keypoint.LEFT_ELBOW, dy=10) == BodyPart.LEFT_FOREARM


def test_torso_and_head_are_where_clothes_and_face_are():
    parts = derived()
    assert parts[int(0.4 * H), W // 2] == BodyPart.TORSO
    assert at(parts, Keypoint.NOSE, dx=-8) == BodyPart.HEAD_RIGHT
    assert at(parts, Keypoint.NOSE, dx=8) == BodyPart.HEAD_LEFT


def test_the_background_stays_background_but_for_the_neck():
    outside = (photoset.parsing(SIZE) == Parsing.BACKGROUND) & (derived() != BodyPart.BACKGROUND)
    assert set(derived()[outside]) <= {BodyPart.TORSO}
    assert outside.mean() < 0.02


def test_a_mirrored_person_has_mirrored_parts():
    points, parsing = photoset.keypoints(SIZE), photoset.parsing(SIZE)[:, ::-1]
    points[:, 0] = W - 1 - points[:, 0]
    mirrored = swap_sides({"parsing": parsing, "keypoints": points})
    back = swap_sides({"body_parts": derived(mirrored["keypoints"], mirrored["parsing"])})
    assert (back["body_parts"][:, ::-1] != derived()).mean() < 0.01


def test_size_does_not_matter():
    small = derive_body_parts(photoset.keypoints((128, 96)), photoset.parsing((128, 96)))
    assert (small.repeat(2, axis=0).repeat(2, axis=1) != derived()).mean() < 0.04


def test_an_arm_without_an_elbow_is_left_out():
    points = photoset.keypoints(SIZE)
    points[Keypoint.RIGHT_ELBOW] = 0
    right = {part for part in ARM_PARTS if "RIGHT" in part.name}
    assert not np.isin(derived(points), list(right)).any()
    assert at(derived(points), Keypoint.LEFT_ELBOW, dy=15) == BodyPart.LEFT_FOREARM


def test_legs_below_the_picture_are_guessed_from_the_hips():
    points = photoset.keypoints(SIZE)
    points[[Keypoint.LEFT_KNEE, Keypoint.LEFT_ANKLE]] = 0
    assert at(derived(points), Keypoint.LEFT_HIP, dy=20) == BodyPart.LEFT_THIGH


@pytest.mark.parametrize("parsing", [np.zeros(SIZE, np.uint8), photoset.parsing(SIZE)])
def test_without_any_point_nothing_but_a_head_is_claimed(parsing):
    parts = derived(np.zeros((18, 3), np.float32), parsing)
    head = (BodyPart.BACKGROUND, BodyPart.HEAD_LEFT, BodyPart.HEAD_RIGHT)
    assert np.isin(parts, head).all()
