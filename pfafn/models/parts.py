"""The vocabularies of human annotation: parsing classes, body parts, keypoints, garment categories.

One source for every class id of the project. `Parsing` is the 14-class map of VITON as PF-AFN uses
it, `BodyPart` is DensePose's 25 ids, `Keypoint` is OpenPose's 18 points (COCO order). Left and
right are the person's own.
"""

from enum import IntEnum
from typing import NamedTuple


class Parsing(IntEnum):
    """Classes of a parsing map (uint8, H x W)."""

    BACKGROUND = 0
    HAIR = 1
    JUMPSUIT = 2
    SOCKS = 3
    UPPER_CLOTHES = 4
    RIGHT_SHOE = 5
    LEFT_SHOE = 6
    DRESS = 7  # on VITON mostly parser noise on upper clothes
    LOWER_CLOTHES = 8
    RIGHT_LEG = 9
    LEFT_LEG = 10
    LEFT_ARM = 11
    FACE = 12
    RIGHT_ARM = 13


class BodyPart(IntEnum):
    """DensePose's parts (uint8, H x W); the front id where a part has a back and a front one."""

    BACKGROUND = 0
    TORSO_BACK = 1
    TORSO = 2
    RIGHT_HAND = 3
    LEFT_HAND = 4
    LEFT_FOOT = 5
    RIGHT_FOOT = 6
    RIGHT_THIGH_BACK = 7
    LEFT_THIGH_BACK = 8
    RIGHT_THIGH = 9
    LEFT_THIGH = 10
    RIGHT_CALF_BACK = 11
    LEFT_CALF_BACK = 12
    RIGHT_CALF = 13
    LEFT_CALF = 14
    LEFT_UPPER_ARM_INSIDE = 15
    RIGHT_UPPER_ARM_INSIDE = 16
    LEFT_UPPER_ARM = 17
    RIGHT_UPPER_ARM = 18
    LEFT_FOREARM_INSIDE = 19
    RIGHT_FOREARM_INSIDE = 20
    LEFT_FOREARM = 21
    RIGHT_FOREARM = 22
    HEAD_RIGHT = 23
    HEAD_LEFT = 24


class Keypoint(IntEnum):
    """Rows of a keypoint array, float32 [18, 3]: x, y in pixels, a score; missing = 0, 0, 0."""

    NOSE = 0
    NECK = 1
    RIGHT_SHOULDER = 2
    RIGHT_ELBOW = 3
    RIGHT_WRIST = 4
    LEFT_SHOULDER = 5
    LEFT_ELBOW = 6
    LEFT_WRIST = 7
    RIGHT_HIP = 8
    RIGHT_KNEE = 9
    RIGHT_ANKLE = 10
    LEFT_HIP = 11
    LEFT_KNEE = 12
    LEFT_ANKLE = 13
    RIGHT_EYE = 14
    LEFT_EYE = 15
    RIGHT_EAR = 16
    LEFT_EAR = 17


class Category(IntEnum):
    """What a garment dresses; decides which parsing classes are "the person's clothes"."""

    UPPER = 0
    LOWER = 1
    DRESS = 2


class Regions(NamedTuple):
    """How one garment category divides a person."""

    clothes: tuple[Parsing, ...]  # what the garment replaces
    other_clothes: tuple[Parsing, ...]  # kept as they are
    skin: tuple[BodyPart, ...]  # limbs the generator may have to draw anew


FACE = (Parsing.HAIR, Parsing.FACE)
ARMS = (Parsing.LEFT_ARM, Parsing.RIGHT_ARM)
HANDS = (BodyPart.RIGHT_HAND, BodyPart.LEFT_HAND)
ARM_PARTS = tuple(
    BodyPart(i) for i in range(BodyPart.LEFT_UPPER_ARM_INSIDE, BodyPart.RIGHT_FOREARM + 1)
)
FOREARMS = ARM_PARTS[4:]
LEG_PARTS = tuple(BodyPart(i) for i in range(BodyPart.RIGHT_THIGH_BACK, BodyPart.LEFT_CALF + 1))
TRUNK = (BodyPart.TORSO_BACK, BodyPart.TORSO)
SKIN = (Parsing.FACE, *ARMS, Parsing.RIGHT_LEG, Parsing.LEFT_LEG)
SHOES = (Parsing.RIGHT_SHOE, Parsing.LEFT_SHOE)

REGIONS: dict[Category, Regions] = {
    # The paper's setting: label 7 is merged into the upper clothes, legs count as other clothes.
    Category.UPPER: Regions(
        clothes=(Parsing.UPPER_CLOTHES, Parsing.DRESS),
        other_clothes=(*SHOES, Parsing.LOWER_CLOTHES, Parsing.RIGHT_LEG, Parsing.LEFT_LEG),
        skin=ARM_PARTS,
    ),
    Category.LOWER: Regions(
        clothes=(Parsing.LOWER_CLOTHES,),
        other_clothes=(*SHOES, Parsing.UPPER_CLOTHES, Parsing.DRESS, *ARMS),
        skin=LEG_PARTS,
    ),
    Category.DRESS: Regions(
        clothes=(Parsing.DRESS, Parsing.UPPER_CLOTHES),
        other_clothes=SHOES,
        skin=ARM_PARTS + LEG_PARTS,
    ),
}
