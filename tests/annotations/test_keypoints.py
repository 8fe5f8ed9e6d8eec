import json

import numpy as np
import photoset
import pytest

from pfafn.annotations.keypoints import KeypointError, read_keypoints
from pfafn.models.parts import Keypoint

SIZE = (256, 192)


def encoded(content) -> bytes:
    return json.dumps(content).encode()


def test_eighteen_points_come_as_written():
    points = photoset.keypoints(SIZE)
    found = read_keypoints(encoded(photoset.openpose(points)), SIZE)
    np.testing.assert_allclose(found, points)
    assert found.dtype == np.float32


@pytest.mark.parametrize("key", ["pose_keypoints", "pose_keypoints_2d"])
def test_body_25_loses_its_extra_points(key):
    points = photoset.keypoints(SIZE)
    content = encoded(photoset.openpose(photoset.body_25(points), key))
    np.testing.assert_allclose(read_keypoints(content, SIZE), points)


def test_the_number_of_points_decides_not_the_key():
    content = encoded(photoset.openpose(photoset.keypoints(SIZE), "pose_keypoints_2d"))
    np.testing.assert_allclose(read_keypoints(content, SIZE), photoset.keypoints(SIZE))


def test_dresscode_points_are_scaled_to_the_picture():
    rows = np.concatenate([photoset.keypoints((512, 384)), np.full((18, 1), 7)], axis=1)
    found = read_keypoints(encoded({"keypoints": rows.tolist()}), (1024, 768), (512, 384))
    np.testing.assert_allclose(found, photoset.keypoints((1024, 768)), rtol=1e-5)


def test_missing_points_are_zero_whatever_their_score():
    points = photoset.keypoints(SIZE)
    points[Keypoint.LEFT_EAR] = -1, -1, 0.3
    found = read_keypoints(encoded(photoset.openpose(points)), SIZE)
    assert (found[Keypoint.LEFT_EAR] == 0).all()


def crowd(*shares: float) -> bytes:
    """People whose points are at these shares of where the person's are."""
    people = [photoset.openpose(photoset.keypoints(SIZE) * [s, s, 1])["people"] for s in shares]
    return encoded({"people": sum(people, [])})


@pytest.mark.parametrize("shares", [(1, 0.5), (0.5, 1), (0.2, 0.6, 1), (1.9, 1)])
def test_of_several_people_the_one_on_the_parsed_person_counts(shares):
    found = read_keypoints(crowd(*shares), SIZE, person=photoset.parsing(SIZE))
    np.testing.assert_allclose(found, photoset.keypoints(SIZE), rtol=1e-6)


def test_the_first_counts_where_nothing_tells():
    for person in (None, np.zeros(SIZE, np.uint8)):
        found = read_keypoints(crowd(0.5, 1), SIZE, person=person)
        np.testing.assert_allclose(found[:, :2], photoset.keypoints(SIZE)[:, :2] / 2, rtol=1e-6)


def test_people_are_looked_for_in_the_frame_the_file_counts_in():
    large = (2 * SIZE[0], 2 * SIZE[1])
    found = read_keypoints(crowd(0.5, 1), large, SIZE, photoset.parsing(large))
    np.testing.assert_allclose(found, photoset.keypoints(large), rtol=1e-6)


def test_a_missing_point_is_on_nobody():
    corner = np.zeros(SIZE, np.uint8)
    corner[0, 0] = 1
    nobody = photoset.openpose(photoset.keypoints(SIZE) * 0)["people"]
    somebody = photoset.openpose(photoset.keypoints(SIZE))["people"]
    found = read_keypoints(encoded({"people": somebody + nobody}), SIZE, person=corner)
    np.testing.assert_allclose(found, photoset.keypoints(SIZE))


def test_a_point_outside_is_named():
    points = photoset.keypoints(SIZE)
    points[Keypoint.RIGHT_WRIST, 1] = 400
    with pytest.raises(KeypointError, match=r"RIGHT_WRIST at \(\d+, 400\).*192x256"):
        read_keypoints(encoded(photoset.openpose(points)), SIZE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "expected an object"),
        (encoded({"people": [{"pose_keypoints": [1e300] * 54}]}), "finite"),
        (encoded({"people": []}), "no people"),
        (encoded({"people": [3]}), "expected a person"),
        (
            encoded({"people": photoset.openpose(photoset.keypoints())["people"] + [3]}),
            "expected a",
        ),
        (encoded({"people": [{"face": []}]}), "expected one of"),
        (encoded({"people": [{"pose_keypoints": [1.0] * 51}]}), "found 17"),
        (encoded({"people": [{"pose_keypoints": [1.0] * 53}]}), "rows of 3 numbers"),
        (encoded({"people": [{"pose_keypoints": ["1"] * 54}]}), "not a number"),
        (encoded({"people": [{"pose_keypoints": [None] * 54}]}), "not a number"),
        (encoded({"people": [{"pose_keypoints": [float("nan")] * 54}]}), "finite"),
        (encoded({"people": [{"pose_keypoints": [0] * 54}]}), "no point was found"),
        (encoded({"people": [{"pose_keypoints": []}]}), "found 0"),
    ],
)
def test_unusable_files_say_why(content, message):
    with pytest.raises(KeypointError, match=message):
        read_keypoints(content, SIZE)


def placed(x: float, y: float) -> bytes:
    """A person whose nose is there."""
    points = photoset.keypoints(SIZE)
    points[Keypoint.NOSE, :2] = x, y
    return encoded(photoset.openpose(points))


@pytest.mark.parametrize(("x", "y"), [(0, 50), (50, 0), (-9, 50), (50, -12), (201, 50), (50, 268)])
def test_a_point_a_twentieth_beyond_the_border_is_still_there(x, y):
    assert read_keypoints(placed(x, y), SIZE)[Keypoint.NOSE, :2].tolist() == [x, y]


@pytest.mark.parametrize(("x", "y"), [(-10, 50), (50, -13), (202, 50), (50, 269)])
def test_a_point_further_beyond_is_refused(x, y):
    with pytest.raises(KeypointError, match="NOSE"):
        read_keypoints(placed(x, y), SIZE)


def test_each_axis_is_scaled_by_its_own_side():
    found = read_keypoints(placed(10, 10), (128, 384), drawn_in=SIZE)
    assert found[Keypoint.NOSE, :2].tolist() == [20, 5]
