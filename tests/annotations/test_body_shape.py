"""How derived body parts are shaped: widths, lengths and guesses, in shoulder widths."""

import numpy as np
import photoset
import pytest

from pfafn.annotations.body_parts import derive_body_parts
from pfafn.models.parts import BodyPart, Keypoint, Parsing

H, W = SIZE = (256, 192)
POINTS = photoset.keypoints(SIZE)
UNIT = 0.32 * W  # between the shoulders
SIDES = ("RIGHT", "LEFT")


def derived(parsing: int | np.ndarray, points: np.ndarray = POINTS) -> np.ndarray:
    """The parts of a person of whom the parsing says everywhere the same, or this."""
    ids = np.full(SIZE, parsing, np.uint8) if np.isscalar(parsing) else parsing
    return derive_body_parts(points, ids)


def at(parts: np.ndarray, point: Keypoint, right: float = 0, down: float = 0) -> int:
    """The part so many units from a point."""
    x, y = POINTS[point, :2]
    return int(parts[round(y + down * UNIT), round(x + right * UNIT)])


def moved(*changes: tuple[Keypoint, tuple[float, float]]) -> np.ndarray:
    """The points with some of them elsewhere, in pixels."""
    points = POINTS.copy()
    for point, place in changes:
        points[point, :2] = place
    return points


def test_a_sleeve_is_as_wide_as_the_arm_and_narrows_to_the_wrist() -> None:
    parts = derived(Parsing.UPPER_CLOTHES)
    top, bottom = POINTS[[Keypoint.RIGHT_ELBOW, Keypoint.RIGHT_WRIST], 1]
    for share, radius in ((0.1, 0.1165), (0.9, 0.0885)):
        row = parts[round(top + share * (bottom - top))]
        width = (row == BodyPart.RIGHT_FOREARM).sum()
        assert width == pytest.approx(2 * radius * UNIT, abs=1.5)


def test_the_torso_is_widest_at_the_shoulders_and_ends_at_the_hips() -> None:
    parts = derived(Parsing.UPPER_CLOTHES)
    for side, outward in (("RIGHT", -1), ("LEFT", 1)):
        hip = Keypoint[f"{side}_HIP"]
        assert at(parts, hip, right=0.06 * outward, down=-0.05) == BodyPart.TORSO
        assert at(parts, hip, right=0.16 * outward, down=-0.05) != BodyPart.TORSO
        x, y = (POINTS[hip, :2] + POINTS[Keypoint[f"{side}_SHOULDER"], :2]) / 2
        assert parts[round(y), round(x)] == BodyPart.TORSO
    between = round(POINTS[[Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP], 0].mean())
    column = parts[:, between] == BodyPart.TORSO
    assert column[round(POINTS[Keypoint.RIGHT_HIP, 1]) - 2]
    assert not column[round(POINTS[Keypoint.RIGHT_HIP, 1]) + 2 :].any()


def test_the_collar_belongs_to_the_torso() -> None:
    parts = derived(Parsing.UPPER_CLOTHES)
    neck = round(W / 2)
    shoulders = POINTS[Keypoint.RIGHT_SHOULDER, 1]
    assert parts[round(shoulders - 0.2 * UNIT), neck] == BodyPart.TORSO
    assert parts[round(shoulders - 0.45 * UNIT), neck] != BodyPart.TORSO


def test_unknown_hips_knees_and_ankles_are_guessed_straight_below() -> None:
    points, told = POINTS.copy(), POINTS.copy()
    points[:, 1] = told[:, 1] = POINTS[:, 1] * 0.4  # so that there is room below
    for side in SIDES:
        x, y = points[Keypoint[f"{side}_SHOULDER"], :2]
        for joint, length in (("HIP", 1.45), ("KNEE", 1.25), ("ANKLE", 1.2)):
            points[Keypoint[f"{side}_{joint}"]] = 0
            y += length * np.linalg.norm(points[5, :2] - points[2, :2])
            told[Keypoint[f"{side}_{joint}"], :2] = x, y
    for clothes in (Parsing.UPPER_CLOTHES, Parsing.LOWER_CLOTHES):
        assert np.array_equal(derived(clothes, points), derived(clothes, told))


def test_in_profile_the_torsos_length_tells_how_wide_an_arm_is() -> None:
    x, y = POINTS[Keypoint.NECK, :2]
    profile = moved((Keypoint.RIGHT_SHOULDER, (x, y)), (Keypoint.LEFT_SHOULDER, (x, y)))
    hips = POINTS[Keypoint.RIGHT_HIP, 1]
    unit = 0.85 * (hips - y) / 1.45
    elbow, wrist = POINTS[[Keypoint.RIGHT_ELBOW, Keypoint.RIGHT_WRIST], 1]
    row = derived(Parsing.UPPER_CLOTHES, profile)[round((elbow + wrist) / 2)]
    width = (row == BodyPart.RIGHT_FOREARM).sum()
    assert width == pytest.approx(2 * (0.12 + 0.085) / 2 * unit, abs=1.5)


@pytest.mark.parametrize("side", SIDES)
def test_a_hand_is_as_long_as_a_hand_and_skin_far_away_is_nobodys(side: str) -> None:
    wrist, hand = Keypoint[f"{side}_WRIST"], BodyPart[f"{side}_HAND"]
    parts = derived(Parsing[f"{side}_ARM"])
    assert at(parts, wrist, down=0.65) == hand
    assert at(parts, wrist, down=0.8) == BodyPart.BACKGROUND
    assert at(parts, wrist, right=0.4) == BodyPart.BACKGROUND


@pytest.mark.parametrize("side", SIDES)
def test_where_a_shoe_is_is_the_foot_of_its_side(side: str) -> None:
    assert (derived(Parsing[f"{side}_SHOE"]) == BodyPart[f"{side}_FOOT"]).all()


def test_trousers_are_legs_only_near_the_legs() -> None:
    parts = derived(Parsing.LOWER_CLOTHES)
    assert at(parts, Keypoint.RIGHT_KNEE, right=-0.2) in (
        BodyPart.RIGHT_THIGH, BodyPart.RIGHT_CALF,
    )  # fmt: skip
    assert at(parts, Keypoint.RIGHT_KNEE, right=-0.3) == BodyPart.BACKGROUND


def test_under_a_long_top_the_legs_go_on() -> None:
    parts = derived(Parsing.UPPER_CLOTHES)
    assert at(parts, Keypoint.LEFT_HIP, down=0.4) == BodyPart.LEFT_THIGH
    assert at(parts, Keypoint.LEFT_KNEE, down=0.4) == BodyPart.LEFT_CALF


def test_a_sleeve_before_the_body_hides_the_torso() -> None:
    belly = (W / 2, 0.45 * H)
    parts = derived(Parsing.UPPER_CLOTHES, moved((Keypoint.RIGHT_WRIST, belly)))
    x, y = (POINTS[Keypoint.RIGHT_ELBOW, :2] + belly) / 2
    assert parts[round(y), round(x)] == BodyPart.RIGHT_FOREARM
    assert parts[round(y) - round(0.3 * UNIT), round(belly[0])] == BodyPart.TORSO


@pytest.mark.parametrize(
    ("parsing", "part"),
    [
        (Parsing.BACKGROUND, BodyPart.TORSO),  # what VITON's parser says of a neck
        (Parsing.JUMPSUIT, BodyPart.TORSO),  # and VITON-HD's
        (Parsing.HAIR, BodyPart.BACKGROUND),
    ],
)
def test_a_neck_is_torso_unless_something_hangs_over_it(parsing: Parsing, part: BodyPart) -> None:
    neck, nose = POINTS[[Keypoint.NECK, Keypoint.NOSE], 1]
    assert derived(parsing)[round((neck + nose) / 2), W // 2] == part
