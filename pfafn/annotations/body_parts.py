"""Body parts without DensePose: derived from keypoints and parsing, in DensePose's 25 ids.

Limbs are tapered capsules along the segments between keypoints, also where clothes cover them;
visible skin of the parsing goes to the nearest segment of its side. Front ids only. What keypoints
do not show is guessed from an adult's proportions where that is safe, else left out.
"""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.models.parts import FACE, BodyPart, Keypoint, Parsing
from pfafn.photos.fitting import missing

Ids = NDArray[np.uint8]
Points = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Radii and lengths, in units of the distance between the shoulders of a person facing the camera.
SHOULDER, ELBOW, WRIST = 0.16, 0.12, 0.085
HIP, KNEE, ANKLE = 0.26, 0.18, 0.12
HAND = 0.50  # beyond the wrist
HEAD = 0.70  # around the middle of the face
TORSO_MARGIN = 0.10  # torso beyond the line from shoulder to hip
COLLAR = 0.25  # torso above the shoulders' joints
LENGTHS = 1.45, 1.25, 1.20  # shoulder to hip, hip to knee, knee to ankle
SKIN_REACH = 2.5  # arm skin is believed up to this many radii from the arm
CLOTH_REACH = 1.25

CLOTHES = (Parsing.UPPER_CLOTHES, Parsing.DRESS, Parsing.JUMPSUIT)
TROUSERS = (Parsing.LOWER_CLOTHES, Parsing.LEFT_LEG, Parsing.RIGHT_LEG, Parsing.SOCKS)


SIDES = ("RIGHT", "LEFT")
ARM = ("SHOULDER", "ELBOW", "WRIST")
LEG = ("HIP", "KNEE", "ANKLE")


class Segment(NamedTuple):
    """Distance from a limb's segment in units of its radius, and the position along it."""

    part: BodyPart
    reach: NDArray[np.float32]  # [H, W], 1 on the surface
    along: NDArray[np.float32]  # [H, W], 0 at the start, 1 at the end, not clipped


def derive_body_parts(keypoints: Points, parsing: Ids) -> Ids:
    """Body part ids uint8 [H, W] of a person.

    keypoints: float32 [18, 3] in pixels of the parsing map; parsing: uint8 [H, W], 14 classes.
    """
    parts = np.zeros(parsing.shape, np.uint8)
    body = _Body(keypoints, parsing)
    _paint_legs(parts, body)
    _paint_torso(parts, body)
    _paint_head(parts, body)
    _paint_arms(parts, body)
    return parts


class _Body:
    """The person's points with the scale and the guesses that the painters share."""

    def __init__(self, keypoints: Points, parsing: Ids) -> None:
        self.parsing = parsing
        self.ys, self.xs = np.mgrid[: parsing.shape[0], : parsing.shape[1]].astype(np.float32)
        self.points: dict[str, Points] = {
            point.name: keypoints[point, :2] for point in Keypoint if not missing(keypoints)[point]
        }
        self.unit = self._unit()
        self._guess_below()

    def _unit(self) -> float:
        """Distance between the shoulders; the torso's length tells it for a person in profile."""
        right, left = (self.points.get(f"{side}_SHOULDER") for side in SIDES)
        across = 0 if right is None or left is None else float(np.linalg.norm(right - left))
        hips = [self.points[hip] for hip in ("RIGHT_HIP", "LEFT_HIP") if hip in self.points]
        down = 0.0
        if hips and "NECK" in self.points:
            spine = self.points["NECK"] - np.mean(hips, axis=0)
            down = float(np.linalg.norm(spine)) / LENGTHS[0]
        return max(across, 0.85 * down) or self.parsing.shape[1] / 3

    def _guess_below(self) -> None:
        """Unknown hips, knees and ankles straight below the joint above them.

        Most photos end at the thighs, so these points are unknown because they are outside.
        """
        for side in SIDES:
            down = [f"{side}_{joint}" for joint in ("SHOULDER", *LEG)]
            for (above, below), length in zip(pairwise(down), LENGTHS, strict=True):
                if below not in self.points and above in self.points:
                    step = np.array([0, length * self.unit], np.float32)
                    self.points[below] = self.points[above] + step

    def among(self, classes: tuple[Parsing, ...]) -> Mask:
        return np.isin(self.parsing, classes)

    def segment(
        self, part: BodyPart, start: Points, end: Points, first: float, last: float
    ) -> Segment:
        """A tapered capsule from start to end; its radii in units."""
        dx, dy = (end - start).tolist()
        length = max(dx * dx + dy * dy, 1e-6)
        along = ((self.xs - start[0]) * dx + (self.ys - start[1]) * dy) / length
        nearest = along.clip(0, 1)
        distance = np.hypot(self.xs - start[0] - nearest * dx, self.ys - start[1] - nearest * dy)
        return Segment(part, distance / (self.unit * (first + (last - first) * nearest)), along)

    def limb(
        self, side: str, joints: tuple[str, ...], parts: tuple[str, ...], radii: tuple[float, ...]
    ) -> list[Segment]:
        """The segments between consecutive joints that are known."""
        names = [f"{side}_{joint}" for joint in joints]
        return [
            self.segment(BodyPart[f"{side}_{part}"], self.points[a], self.points[b], *ends)
            for part, (a, b), ends in zip(parts, pairwise(names), pairwise(radii), strict=True)
            if a in self.points and b in self.points
        ]


def _paint_arms(parts: Ids, body: _Body) -> None:
    """Arms: capsules under clothes, and skin at the nearest segment; hands beyond the wrists."""
    clothes = body.among(CLOTHES)
    for side in SIDES:
        arm = body.limb(side, ARM, ("UPPER_ARM", "FOREARM"), (SHOULDER, ELBOW, WRIST))
        if not arm:
            continue
        for segment in arm:
            parts[clothes & (segment.reach <= 1)] = segment.part
        part, reach = _nearest([*arm, *_hand(body, side)])
        skin = (body.parsing == Parsing[f"{side}_ARM"]) & (reach <= SKIN_REACH)
        parts[skin] = part[skin]


def _hand(body: _Body, side: str) -> list[Segment]:
    """What goes on from the forearm, if that is known."""
    start, end = (body.points.get(f"{side}_{joint}") for joint in ARM[1:])
    if start is None or end is None:
        return []
    direction = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
    tip = end + direction * HAND * body.unit
    return [body.segment(BodyPart[f"{side}_HAND"], end, tip.astype(np.float32), WRIST, WRIST)]


def _nearest(segments: list[Segment]) -> tuple[Ids, NDArray[np.float32]]:
    """Part and distance (in radii) of the nearest segment at every pixel."""
    reach = np.stack([segment.reach for segment in segments])
    ids = np.array([segment.part for segment in segments], np.uint8)
    return ids[reach.argmin(axis=0)], reach.min(axis=0)


def _paint_legs(parts: Ids, body: _Body) -> None:
    """Thighs and calves: skin and clothes at the nearest segment, feet where shoes are."""
    segments = []
    for side in SIDES:
        segments += body.limb(side, LEG, ("THIGH", "CALF"), (HIP, KNEE, ANKLE))
        parts[body.parsing == Parsing[f"{side}_SHOE"]] = BodyPart[f"{side}_FOOT"]
    if not segments:
        return
    part, reach = _nearest(segments)
    legs = body.among(TROUSERS) & (reach <= CLOTH_REACH)
    # A long top hangs over the hips: below them the legs go on under it.
    legs |= body.among(CLOTHES) & (reach <= 1)
    parts[legs] = part[legs]


def _paint_torso(parts: Ids, body: _Body) -> None:
    """The quadrilateral of shoulders and hips, with the neck, where the parsing has a person."""
    corners = ("RIGHT_SHOULDER", "LEFT_SHOULDER", "LEFT_HIP", "RIGHT_HIP")
    if any(corner not in body.points for corner in corners):
        return
    right, left, left_hip, right_hip = (body.points[corner] for corner in corners)
    outward = TORSO_MARGIN * body.unit * (right - left) / max(1e-6, np.linalg.norm(right - left))
    upward = COLLAR * body.unit * np.array([0, -1], np.float32)
    outline = [
        right + outward + upward,
        left - outward + upward,
        left_hip - outward,
        right_hip + outward,
    ]
    inside = np.zeros(parts.shape, np.uint8)
    cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 1)
    region = inside.astype(bool) & body.among((*CLOTHES, Parsing.LOWER_CLOTHES))
    if "NECK" in body.points and "NOSE" in body.points:
        region |= _neck(body)
    parts[region] = BodyPart.TORSO


def _neck(body: _Body) -> Mask:
    """Neck and chest between head and collar: background to VITON's parser, skin to VITON-HD's."""
    neck, nose = body.points["NECK"], body.points["NOSE"]
    column = body.segment(BodyPart.TORSO, neck, (neck + nose) / 2, 1.2 * SHOULDER, SHOULDER)
    return (column.reach <= 1) & body.among((Parsing.BACKGROUND, Parsing.JUMPSUIT))


def _paint_head(parts: Ids, body: _Body) -> None:
    """Face and the hair around it; the nose tells the person's right from left."""
    head = body.among(FACE)
    face = body.parsing == Parsing.FACE
    if not face.any():
        return
    centre = np.array([body.xs[face].mean(), body.ys[face].mean()], np.float32)
    near = np.hypot(body.xs - centre[0], body.ys - centre[1]) <= HEAD * body.unit
    middle = body.points.get("NOSE", centre)[0]
    parts[head & near & (body.xs <= middle)] = BodyPart.HEAD_RIGHT
    parts[head & near & (body.xs > middle)] = BodyPart.HEAD_LEFT
