"""What the studio draws: geometry, garments, people, and what they hide from each other."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pfafn.models.parts import ARM_PARTS, BodyPart, Keypoint, Parsing
from pfafn.studio.canvas import Canvas, ellipse
from pfafn.studio.flat import lay_flat
from pfafn.studio.garment import (
    FABRICS,
    SLEEVE_ENDS,
    WORDS,
    Garment,
    sample_garment,
)
from pfafn.studio.geometry import bent_limb, limb_field, profile
from pfafn.studio.letters import ALPHABET
from pfafn.studio.noise import corrupt
from pfafn.studio.person import Arm, Body, Person, sample_person
from pfafn.studio.scene import Photograph, keypoints, photograph

H, W = 128, 96
HANGING = Arm("down", upper=12, lower=4, forearm=1)
ACROSS = Arm("across", upper=12, lower=-95, forearm=0.9)


def a_person(left: Arm = HANGING, right: Arm = HANGING) -> Person:
    person = sample_person(np.random.default_rng(0))
    return replace(person, arms=(left, right), lean=0.0, centre=0.0, hair_style="short")


def a_garment(**changes: object) -> Garment:
    garment = sample_garment(np.random.default_rng(1))
    return replace(garment, **({"sleeve": "short", "fabric": "dots"} | changes))


def shoot(person: Person, garment: Garment, size: tuple[int, int] = (H, W)) -> Photograph:
    return photograph(person, garment, lay_flat(garment, *size))


def joint(person: Person, point: Keypoint) -> tuple[int, int]:
    """Row and column of a keypoint."""
    x, y, _ = np.round(keypoints(person, H, W)[point]).astype(int)
    return y, x


def test_a_profile_passes_through_its_knots_and_is_flat_beyond_them():
    np.testing.assert_allclose(profile([-1, 0, 1, 3, 9], [0, 1, 3], [5, 2, 4]), [5, 5, 2, 4, 4])


def test_limb_coordinates_of_a_place_on_a_limb_are_found_again():
    limb = bent_limb([(20, 10), (30, 60), (70, 90)], [0, 0.5, 1], side=1)
    along, across = np.float32([0.1, 0.3, 0.8]), np.float32([3, -2, 4])
    field = limb_field(limb, 128, 96, margin=20)
    places = tuple(limb.at(along, across).T[:, None, :])
    np.testing.assert_allclose(
        cv2.remap(field.along, *places, cv2.INTER_LINEAR)[0], along, atol=0.01
    )
    np.testing.assert_allclose(
        cv2.remap(field.across, *places, cv2.INTER_LINEAR)[0], across, atol=0.3
    )


def test_the_outer_side_of_both_arms_is_positive():
    left = bent_limb([(60, 10), (60, 40), (60, 70)], [0, 0.5, 1], side=1)
    right = left._replace(points=left.points * (-1, 1) + (95, 0), side=-1)
    fields = [limb_field(limb, H, W, margin=10).across for limb in (left, right)]
    assert fields[0][40, 65] == pytest.approx(5)
    np.testing.assert_allclose(fields[0], fields[1][:, ::-1], atol=1e-4)


def test_body_coordinates_of_a_pixel_are_found_again():
    body = Body(replace(a_person(), lean=6.0, sway=0.07), H, W)
    places = np.float32([(0.3, 0.5), (-0.6, 1.9), (0.0, 2.6)])
    found = np.stack(body.locate(*body.place(places).T), -1)
    np.testing.assert_allclose(found, places, atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_a_flat_garment_fills_its_white_picture_without_touching_the_border(seed: int):
    flat = lay_flat(sample_garment(np.random.default_rng(seed)), H, W)
    border = np.concatenate(
        [flat.picture[[0, -1]].reshape(-1, 3), flat.picture[:, [0, -1]].reshape(-1, 3)]
    )
    assert (border == 255).all()
    assert not flat.mask[[0, -1]].any()
    rows, columns = np.nonzero(flat.mask)
    assert max(np.ptp(rows) / H, np.ptp(columns) / W) > 0.9


def test_a_shape_lies_where_its_points_are():
    canvas = Canvas(24, 32)
    canvas.polygon(ellipse((13, 9), (6, 4)), (255, 255, 255))
    alpha = canvas.layer().alpha
    ys, xs = np.indices(alpha.shape)
    middle = np.average(xs, weights=alpha), np.average(ys, weights=alpha)
    assert middle == pytest.approx((13, 9), abs=0.05)


def test_outside_of_its_mask_a_flat_garment_is_white():
    flat = lay_flat(a_garment(), H, W)
    far = cv2.dilate(flat.mask, np.ones((3, 3))) == 0
    assert (flat.picture[far] == 255).all()


@pytest.mark.parametrize("fabric", [fabric for fabric in FABRICS if fabric != "solid"])
def test_every_fabric_shows_its_second_colour(fabric: str):
    plain, patterned = (lay_flat(a_garment(fabric=f), H, W).picture for f in ("solid", fabric))
    assert (plain != patterned).any(-1).mean() > 0.01


def test_every_word_can_be_lettered():
    assert set("".join(WORDS)) <= ALPHABET


def test_longer_sleeves_leave_less_of_the_arms_bare():
    photos = [shoot(a_person(), a_garment(sleeve=sleeve)) for sleeve in SLEEVE_ENDS]
    bare = [int((p.parsing == Parsing.LEFT_ARM).sum()) for p in photos]
    assert bare == sorted(bare, reverse=True)
    assert bare[0] > 2 * bare[-1] > 0


def test_body_parts_do_not_change_with_the_sleeves():
    short, long = (shoot(a_person(), a_garment(sleeve=s)).body_parts for s in ("short", "long"))
    np.testing.assert_array_equal(short, long)


def test_an_arm_under_a_sleeve_is_an_arm_to_the_body_and_clothes_to_the_parser():
    photo = shoot(a_person(), a_garment(sleeve="long"))
    elbow = joint(a_person(), Keypoint.LEFT_ELBOW)
    assert photo.body_parts[elbow] in ARM_PARTS
    assert photo.parsing[elbow] == Parsing.UPPER_CLOTHES


@pytest.mark.parametrize(("along", "part"), [(0.93, "FOREARM"), (1.07, "HAND")])
def test_a_hand_begins_at_the_wrist(along: float, part: str):
    person, size = a_person(), (256, 192)
    parts = shoot(person, a_garment(), size).body_parts
    for name, arm in zip(("LEFT", "RIGHT"), Body(person, *size).arms, strict=True):
        x, y = arm.at(np.float32(along), np.float32(0)).round().astype(int)
        assert parts[y, x] == BodyPart[f"{name}_{part}"]


def test_left_is_the_persons_own():
    photo = shoot(a_person(), a_garment())
    wrist = joint(a_person(), Keypoint.LEFT_WRIST)
    assert wrist[1] > W / 2
    assert photo.parsing[wrist] == Parsing.LEFT_ARM
    assert photo.body_parts[wrist] in (BodyPart.LEFT_FOREARM, BodyPart.LEFT_HAND)


def test_a_bare_forearm_across_the_torso_hides_the_garment():
    person = a_person(left=ACROSS)
    wrist = joint(person, Keypoint.LEFT_WRIST)
    assert shoot(a_person(), a_garment()).visible[wrist]
    crossed = shoot(person, a_garment())
    assert not crossed.visible[wrist]
    assert not crossed.flow[wrist].any()


def test_long_hair_hides_the_garment():
    short, long = (
        shoot(replace(a_person(), hair_style=style), a_garment()) for style in ("short", "long")
    )
    hidden = short.visible & ~long.visible
    assert hidden.sum() > 10
    assert (long.parsing[hidden] == Parsing.HAIR).all()


def test_keypoints_outside_of_the_picture_are_zero():
    points = keypoints(a_person(), H, W)
    assert not points[Keypoint.LEFT_ANKLE].any()
    assert points[Keypoint.NECK, 2] == 1


@pytest.mark.parametrize("seed", range(4))
def test_another_garment_changes_nothing_that_no_garment_touches(seed: int):
    rng = np.random.default_rng(seed)
    person = sample_person(rng)
    photos = [shoot(person, sample_garment(rng)) for _ in range(2)]
    touched = np.maximum(*(p.visible.astype(np.uint8) for p in photos))
    kept = cv2.dilate(touched, np.ones((5, 5))) == 0
    changed = (photos[0].picture != photos[1].picture).any(-1)
    assert changed[kept].mean() < 0.001  # slivers of cloth too thin to be called visible
    np.testing.assert_array_equal(photos[0].parsing[kept], photos[1].parsing[kept])
    assert kept.mean() > 0.4


@pytest.mark.parametrize("size", [(64, 32), (96, 128), (192, 64), (256, 192)])
def test_any_size_shows_a_dressed_person(size: tuple[int, int]):
    photo = shoot(a_person(), a_garment(), size)
    assert photo.picture.shape == (*size, 3)
    assert 0.02 < photo.visible.mean() < 0.5
    assert (photo.parsing == Parsing.FACE).any()


def test_a_perfect_parser_changes_nothing():
    parsing = shoot(a_person(), a_garment()).parsing
    np.testing.assert_array_equal(corrupt(parsing, 0.0, np.random.default_rng(0)), parsing)


def test_a_worse_parser_makes_more_mistakes():
    parsing = shoot(a_person(), a_garment()).parsing
    wrong = [
        np.mean(
            [(corrupt(parsing, a, np.random.default_rng(s)) != parsing).mean() for s in range(20)]
        )
        for a in (0.1, 0.5, 1.0)
    ]
    assert 0 < wrong[0] < wrong[1] < wrong[2] < 0.5


def test_a_bad_parser_exchanges_the_arms():
    parsing = np.full((48, 36), Parsing.BACKGROUND, np.uint8)
    parsing[20:40, 4:8], parsing[20:40, 28:32] = Parsing.RIGHT_ARM, Parsing.LEFT_ARM
    taken = {
        tuple(corrupt(parsing, 0.2, np.random.default_rng(s))[30, [6, 30]].tolist())
        for s in range(60)
    }
    assert (Parsing.LEFT_ARM, Parsing.RIGHT_ARM) in taken
