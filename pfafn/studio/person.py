"""Who stands in front of the camera: build, pose, looks and clothes other than the garment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pfafn.studio.geometry import Floats, Limb, bent_limb, downwards, rotation

Colour = tuple[int, int, int]

SKINS: tuple[Colour, ...] = (
    (246, 216, 196),
    (238, 200, 172),
    (224, 178, 146),
    (204, 152, 116),
    (172, 120, 86),
    (134, 90, 64),
    (98, 66, 50),
)
HAIRS: tuple[Colour, ...] = (
    (34, 28, 28),
    (58, 40, 32),
    (92, 60, 40),
    (138, 92, 54),
    (204, 164, 104),
    (162, 74, 44),
    (120, 116, 116),
)
HAIR_STYLES = ("short", "bob", "long", "bun", "curly", "ponytail")
BOTTOMS = ("trousers", "jeans", "skirt", "shorts")
BOTTOM_COLOURS: tuple[Colour, ...] = (
    (38, 40, 48),
    (72, 76, 88),
    (186, 172, 148),
    (228, 226, 220),
    (96, 42, 48),
    (52, 82, 66),
    (122, 92, 66),
    (60, 66, 110),
)
JEANS: tuple[Colour, ...] = ((58, 84, 124), (94, 124, 164), (34, 46, 74), (134, 160, 190))
# How often an arm is held so, and between what its upper, lower and forearm are.
ARM_POSES = {
    "down": (0.32, (8, 20), (-6, 10), (0.95, 1)),
    "relaxed": (0.22, (14, 28), (-28, -6), (0.9, 1)),
    "hip": (0.14, (36, 48), (-56, -46), (0.92, 1)),
    "across": (0.14, (8, 18), (-112, -78), (0.82, 0.95)),
    "out": (0.1, (26, 42), (14, 44), (0.95, 1)),
    "behind": (0.08, (14, 24), (-46, -30), (0.85, 0.95)),
}

UPPER_ARM, FOREARM, HAND = 1.28, 1.12, 0.5  # lengths in head heights
ARM_LENGTH = UPPER_ARM + FOREARM
THIGH, CALF = 1.9, 1.85


@dataclass(frozen=True)
class Arm:
    """Angles from the vertical in degrees, positive outwards; the share of the forearm seen."""

    pose: str
    upper: float
    lower: float
    forearm: float


@dataclass(frozen=True)
class Person:
    """Lengths in head heights, places in units of the picture's reference height."""

    head: float  # head height in reference heights
    top: float  # the head's top
    centre: float  # horizontal shift of the neck from the picture's centre
    lean: float  # degrees
    sway: float  # sideways bulge of the spine
    nod: float  # head's tilt, degrees
    shoulders: float  # half widths
    chest: float
    waist: float
    hips: float
    arm_girth: float
    arms: tuple[Arm, Arm]  # picture's right (the person's left), picture's left
    stance: tuple[float, float]  # legs' angles
    skin: Colour
    hair: Colour
    hair_style: str
    bottom: str
    bottom_colour: Colour
    backdrop: tuple[Colour, Colour]
    backdrop_angle: float
    smile: float
    folds: tuple[float, ...]  # phases of the cloth's wrinkles


def sample_person(rng: np.random.Generator) -> Person:
    """Draw a person, her pose and what surrounds her."""
    broad = rng.uniform(-1, 1)
    bottom = str(rng.choice(BOTTOMS, p=(0.34, 0.36, 0.18, 0.12)))
    colours = JEANS if bottom == "jeans" else BOTTOM_COLOURS
    style = str(rng.choice(HAIR_STYLES))
    return Person(
        head=0.18 * rng.uniform(0.88, 1.1),
        top=rng.uniform(0.035, 0.07) + 0.03 * (style == "bun"),
        centre=rng.uniform(-0.035, 0.035),
        lean=float(np.clip(rng.normal(0, 3), -6, 6)),
        sway=rng.uniform(-0.07, 0.07),
        nod=rng.uniform(-7, 7),
        shoulders=0.94 + 0.09 * broad + rng.uniform(-0.03, 0.03),
        chest=0.72 + 0.06 * broad + rng.uniform(-0.03, 0.03),
        waist=0.6 + 0.08 * broad + rng.uniform(-0.04, 0.04),
        hips=0.77 + rng.uniform(-0.05, 0.06),
        arm_girth=1 + 0.12 * broad + rng.uniform(-0.06, 0.06),
        arms=_sample_arms(rng),
        stance=(rng.uniform(0, 9), rng.uniform(0, 9)),
        skin=_vary(rng, SKINS[rng.integers(len(SKINS))], 8),
        hair=_vary(rng, HAIRS[rng.integers(len(HAIRS))], 10),
        hair_style=style,
        bottom=bottom,
        bottom_colour=_vary(rng, colours[rng.integers(len(colours))], 12),
        backdrop=_sample_backdrop(rng),
        backdrop_angle=rng.uniform(0, 360),
        smile=rng.uniform(0.3, 1),
        folds=tuple(rng.uniform(0, 2 * np.pi, 6)),
    )


def _sample_arms(rng: np.random.Generator) -> tuple[Arm, Arm]:
    right, left = (_sample_arm(rng) for _ in range(2))
    if right.pose == left.pose == "across":  # never through each other
        left = Arm("down", 12.0, 4.0, 1.0)
    return right, left


def _sample_arm(rng: np.random.Generator) -> Arm:
    pose = str(rng.choice(list(ARM_POSES), p=[often for often, *_ in ARM_POSES.values()]))
    return Arm(pose, *(rng.uniform(*span) for span in ARM_POSES[pose][1:]))


def _sample_backdrop(rng: np.random.Generator) -> tuple[Colour, Colour]:
    # As bright and even as in a catalogue: the tutor is not shown it and must guess it, so a
    # backdrop that varied freely would teach the student that backdrops cannot be kept.
    near = rng.uniform(238, 250) + rng.uniform(-4, 4, 3)
    far = near + rng.uniform(-12, 2)
    return tuple(tuple(int(c) for c in colour.clip(0, 252)) for colour in (near, far))


def _vary(rng: np.random.Generator, colour: Colour, by: float) -> Colour:
    return tuple(int(c) for c in (np.array(colour) + rng.uniform(-by, by, 3)).clip(8, 250))


class Body:
    """A person's body in a picture of a given size: joints and limbs in pixels."""

    def __init__(self, person: Person, height: int, width: int) -> None:
        reference = min(height, width * 4 / 3)
        self.person = person
        self.skin, self.hair, self.cloth = (
            np.array(c, np.float32) for c in (person.skin, person.hair, person.bottom_colour)
        )
        self.size = (height, width)
        self.unit = person.head * reference  # pixels per head height
        top = person.top * reference + (height - reference) / 4
        x = (width - 1) / 2 + person.centre * reference
        self.neck = np.array([x, top + 1.3 * self.unit], np.float32)
        self.turn = rotation(person.lean)
        self.arms = tuple(map(self._arm, person.arms, (1, -1)))
        self.legs = tuple(map(self._leg, person.stance, (1, -1)))

    def spine(self, y: Floats) -> Floats:
        """Sideways shift of the middle of the body at height y below the neck."""
        bulge = self.person.sway * np.sin(np.clip(y / 2.5, 0, 1) * np.pi)
        return bulge.astype(np.float32)

    def place(self, points: ArrayLike) -> Floats:
        """Pixels of points [..., 2] given in head heights from the neck, along the spine."""
        points = np.asarray(points, np.float32)
        bent = np.stack([points[..., 0] + self.spine(points[..., 1]), points[..., 1]], -1)
        return self.neck + self.unit * bent @ self.turn.T

    def locate(self, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
        """The inverse of place: body coordinates of pixels."""
        offset = np.stack([xs - self.neck[0], ys - self.neck[1]], -1) / self.unit
        local = offset @ self.turn
        return local[..., 0] - self.spine(local[..., 1]), local[..., 1]

    def head_point(self, points: ArrayLike) -> Floats:
        """Pixels of points [..., 2] in head heights from the head's centre, tilted with it."""
        centre = self.neck + self.unit * np.array([0, -0.78], np.float32) @ self.turn.T
        tilt = rotation(self.person.lean + self.person.nod)
        return centre + self.unit * np.asarray(points, np.float32) @ tilt.T

    def _arm(self, arm: Arm, side: int) -> Limb:
        joints = [self.place([side * (self.person.shoulders - 0.22), 0.42])]
        forearm = downwards(arm.lower, side) * arm.forearm
        steps = (UPPER_ARM * downwards(arm.upper, side), FOREARM * forearm, HAND * forearm)
        for step in steps:
            joints.append(joints[-1] + self.unit * step @ self.turn.T)
        return bent_limb(joints, [0, 0.5, 1, 1.25], side, bend=0.12)

    def _leg(self, angle: float, side: int) -> Limb:
        hip = self.place([side * 0.36, 2.45])
        knee = hip + self.unit * THIGH * downwards(angle, side)
        ankle = knee + self.unit * CALF * downwards(angle * 0.5, side)
        return bent_limb([hip, knee, ankle], [0, 0.5, 1], side, bend=0.12)
