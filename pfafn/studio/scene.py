"""The photograph: layers over a backdrop, with every label the drawing knows."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.models.parts import Keypoint
from pfafn.studio.canvas import KEEP, Layer, layer
from pfafn.studio.figure import bare_arm, bare_torso, legs
from pfafn.studio.flat import FlatGarment
from pfafn.studio.garment import Garment
from pfafn.studio.geometry import Floats, LimbField, limb_field, pixel_grid
from pfafn.studio.head import hair_behind, head
from pfafn.studio.person import Body, Person
from pfafn.studio.wear import worn_sleeve, worn_torso


class Photograph(NamedTuple):
    """One person in one garment.

    picture uint8 RGB [H, W, 3]; parsing and body_parts uint8 [H, W]; flow float32 [H, W, 2], the
    place in the flat garment minus the pixel's, in pixels; visible bool [H, W], where the garment
    is seen (flow 0 elsewhere).
    """

    picture: NDArray[np.uint8]
    parsing: NDArray[np.uint8]
    body_parts: NDArray[np.uint8]
    flow: Floats
    visible: NDArray[np.bool_]


def photograph(person: Person, garment: Garment, flat: FlatGarment) -> Photograph:
    """Draw a person in a garment, at the flat garment's picture size."""
    height, width = flat.mask.shape
    body = Body(person, height, width)
    picture = backdrop(person, height, width)
    parsing = np.zeros((height, width), np.uint8)
    body_parts = np.zeros_like(parsing)
    visible = np.zeros(parsing.shape, bool)
    source = np.zeros((height, width, 2), np.float32)
    for drawn in _layers(body, garment, flat):
        picture += drawn.alpha[..., None] * (drawn.colour - picture)
        solid = drawn.alpha > 0.5
        for labels, new in ((parsing, drawn.parsing), (body_parts, drawn.part)):
            np.copyto(labels, new, where=solid & (new != KEEP))
        visible &= ~solid
        if drawn.source is not None:
            visible |= solid
            source[solid] = drawn.source[solid]
    flow = np.where(visible[..., None], source - np.stack(pixel_grid(height, width), -1), 0)
    rgb = np.round(picture).clip(0, 255).astype(np.uint8)
    return Photograph(rgb, parsing, body_parts, flow.astype(np.float32), visible)


def _layers(body: Body, garment: Garment, flat: FlatGarment) -> list[Layer]:
    """All layers, from the back to the front."""
    poses = [arm.pose for arm in body.person.arms]
    fields = [limb_field(arm, *body.size, margin=0.45 * body.unit) for arm in body.arms]
    bare = [bare_arm(body, *one) for one in zip((1, -1), fields, strict=True)]
    front = worn_torso(body, garment, flat)
    behind, under, over = [], [], []
    for index in sorted((0, 1), key=lambda index: poses[index] == "across"):
        hidden = poses[index] == "behind"
        sleeve = []
        if garment.sleeve_end:
            torso, side = front.alpha * (not hidden), body.arms[index].side
            sleeve = [worn_sleeve(body, garment, flat, fields[index], side, torso)]
        if hidden:
            behind += [bare[index], *sleeve]
        else:
            under.append(bare[index])
            over += [_shadow(body, bare[index]), _exposed(bare[index], fields[index], garment)]
            over += sleeve
    trunk = [bare_torso(body), *legs(body), *under, front]
    return [*hair_behind(body), *behind, *trunk, *over, head(body)]


def _exposed(arm: Layer, field: LimbField, garment: Garment) -> Layer:
    """What a sleeve leaves of an arm; labels of the rest are drawn under the garment."""
    start = garment.sleeve_end - 0.07 if garment.sleeve_end else -np.inf
    return arm._replace(alpha=arm.alpha * (field.along > start))


def _shadow(body: Body, arm: Layer) -> Layer:
    """What an arm in front takes from the light on what is behind it."""
    soft = cv2.GaussianBlur(arm.alpha, (0, 0), max(0.8, 0.12 * body.unit))
    return layer(0.3 * soft, np.zeros((*soft.shape, 3), np.float32))


def backdrop(person: Person, height: int, width: int) -> Floats:
    """A studio wall, float RGB [H, W, 3], from one colour to another across the picture."""
    xs, ys = pixel_grid(height, width)
    angle = np.radians(person.backdrop_angle)
    x, y = xs / width - 0.5, ys / height - 0.5
    share = np.clip(0.5 + 0.75 * (x * np.cos(angle) + y * np.sin(angle)), 0, 1)[..., None]
    near, far = (np.array(c, np.float32) for c in person.backdrop)
    return near + share * (far - near)


def keypoints(person: Person, height: int, width: int) -> Floats:
    """OpenPose's 18 points, float32 [18, 3]: x, y in pixels, score 1; zeros outside the picture."""
    body = Body(person, height, width)
    points = np.zeros((len(Keypoint), 3), np.float32)
    face = {"NOSE": (0, 0.13), "LEFT_EYE": (0.16, 0), "RIGHT_EYE": (-0.16, 0)}
    face |= {"LEFT_EAR": (0.38, 0.04), "RIGHT_EAR": (-0.38, 0.04)}
    for name, place in face.items():
        points[Keypoint[name], :2] = body.head_point(place)
    points[Keypoint.NECK, :2] = body.place([0.0, 0.2])
    for name, arm, leg in zip(("LEFT", "RIGHT"), body.arms, body.legs, strict=True):
        for limb, joints in (
            (arm, ("SHOULDER", "ELBOW", "WRIST")),
            (leg, ("HIP", "KNEE", "ANKLE")),
        ):
            for joint, along in zip(joints, np.float32([0, 0.5, 1]), strict=True):
                points[Keypoint[f"{name}_{joint}"], :2] = limb.at(along, np.float32(0))
    x, y = points[:, 0], points[:, 1]
    seen = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    points[:, 2] = 1
    points[~seen] = 0
    return points
