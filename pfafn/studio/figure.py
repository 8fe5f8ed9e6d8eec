"""The person without the garment, up to the neck: skin and bottoms, as layers with their labels."""

import numpy as np

from pfafn.models.parts import BodyPart, Parsing
from pfafn.studio.canvas import Canvas, Layer, ellipse, layer
from pfafn.studio.geometry import Floats, LimbField, limb_field, pixel_grid, profile
from pfafn.studio.person import CALF, THIGH, Body

_SIDES = {1: "LEFT", -1: "RIGHT"}  # the picture's right is the person's left


def arm_radius(body: Body, along: Floats) -> Floats:
    """Half width of the bare arm and hand, in pixels."""
    knots = (0, 0.3, 0.5, 0.62, 0.97, 1.1, 1.25)
    values = (0.21, 0.185, 0.155, 0.16, 0.1, 0.13, 0.1)
    return body.unit * body.person.arm_girth * profile(along, knots, values)


def bare_arm(body: Body, side: int, field: LimbField) -> Layer:
    """The whole arm with its hand, as if no sleeve were there."""
    radius = arm_radius(body, field.along)
    alpha = np.clip(0.5 + radius - field.reach, 0, 1)
    across = (field.across / radius).clip(-1, 1)
    shade = 1 - 0.2 * across**2 - 0.06 * across * side
    fingers = np.cos(across * 9) ** 8 * profile(field.along, (1.09, 1.13), (0, 0.14))
    colour = body.skin * (shade - fingers)[..., None]
    name = _SIDES[side]
    parts = np.full(alpha.shape, BodyPart[f"{name}_UPPER_ARM"], np.uint8)
    parts[field.along > 0.5] = BodyPart[f"{name}_FOREARM"]
    parts[field.along > 1.0] = BodyPart[f"{name}_HAND"]
    return layer(alpha, colour, Parsing[f"{name}_ARM"])._replace(part=parts)


def bare_torso(body: Body) -> Layer:
    """Neck, shoulders and trunk in skin colour; unlabelled in the parsing, as in VITON."""
    p, skin = body.person, body.skin
    canvas = Canvas(*body.size, body.place)
    heights = np.linspace(0.3, 2.6, 14)
    halves = (p.shoulders - 0.14, p.chest, p.waist, p.hips)
    widths = profile(heights, (0.3, 0.95, 1.75, 2.5), halves)
    right = [(0.2, -0.4), (0.21, -0.16), (0.25, -0.02), (0.42, 0.08), (p.shoulders - 0.2, 0.18)]
    right += list(zip(widths, heights, strict=True))
    outline = np.concatenate([right, (np.array(right) * (-1, 1))[::-1]])
    canvas.polygon(outline, skin * 0.97, Parsing.BACKGROUND, BodyPart.TORSO)
    chin = [(-0.19, -0.4), (0.19, -0.4), (0.2, -0.2), (0.03, -0.02), (-0.2, -0.2)]
    canvas.polygon(chin, skin * 0.84, Parsing.BACKGROUND)
    for side in (1, -1):
        bone = [(side * 0.08, 0.26), (side * 0.3, 0.21), (side * 0.55, 0.22)]
        canvas.line(bone, skin * 0.89, 0.025 * body.unit)
    return canvas.layer()


def legs(body: Body) -> list[Layer]:
    """Legs and what is worn on them."""
    cloth = body.cloth
    end = {"trousers": 0.98, "jeans": 0.98, "shorts": 0.3, "skirt": 0.0}[body.person.bottom]
    bare, covered = [], []
    for limb in body.legs:
        name = _SIDES[limb.side]
        field = limb_field(limb, *body.size, margin=0.5 * body.unit + 1)
        radius = _leg_radius(body, field.along)
        seen = np.where((field.along < end - 0.05)[..., None], cloth, body.skin)
        drawn = _round(field, radius, seen, limb.side, Parsing[f"{name}_LEG"])
        parts = np.where(field.along < 0.5, BodyPart[f"{name}_THIGH"], BodyPart[f"{name}_CALF"])
        bare.append(drawn._replace(part=parts.astype(np.uint8)))
        if end:
            wide = _trouser_radius(body, field.along)
            drawn = _round(field, wide, cloth, limb.side, Parsing.LOWER_CLOTHES)
            cut = np.clip(0.5 + (end - field.along) * (THIGH + CALF) * body.unit, 0, 1)
            seam = profile(field.along, (-0.02, 0.15), (0, 1))  # fades into the hips
            covered.append(drawn._replace(alpha=drawn.alpha * cut * seam))
    feet_seen = min(limb.points[-1, 1] for limb in body.legs) < body.size[0]
    shoes = [_shoes(body)] if feet_seen else []
    return [*bare, *shoes, _hips(body), *covered]


def _leg_radius(body: Body, along: Floats) -> Floats:
    return body.unit * profile(along, (0, 0.5, 0.65, 1), (0.4, 0.24, 0.25, 0.13))


def _trouser_radius(body: Body, along: Floats) -> Floats:
    return 1.08 * _leg_radius(body, along) + 0.03 * body.unit


def _round(field: LimbField, radius: Floats, colour: Floats, side: int, parsing: int) -> Layer:
    """A limb lit as a cylinder."""
    across = (field.across / radius).clip(-1, 1)
    shade = 1 - 0.26 * across**2 - 0.05 * across * side
    alpha = np.clip(0.5 + radius - field.reach, 0, 1)
    return layer(alpha, colour * shade[..., None], parsing)


def _shoes(body: Body) -> Layer:
    canvas = Canvas(*body.size)
    for limb in body.legs:
        name = _SIDES[limb.side]
        toes = limb.points[-1] + body.unit * np.array([0.1 * limb.side, 0.12])
        shoe = ellipse(toes, (0.24 * body.unit, 0.17 * body.unit))
        canvas.polygon(shoe, (52, 46, 48), Parsing[f"{name}_SHOE"], BodyPart[f"{name}_FOOT"])
    return canvas.layer()


def _hips(body: Body) -> Layer:
    """The upper part of trousers, or a skirt."""
    p, cloth = body.person, body.cloth
    canvas = Canvas(*body.size)
    top, hip = p.waist * 1.02, p.hips * 1.03
    waist = body.place([(-top, 1.85), (top, 1.85)])
    if p.bottom == "skirt":
        hem = 1.25 * hip
        lower = body.place([(hip, 2.45), (hem, 3.9), (-hem, 3.9), (-hip, 2.45)])
    else:
        hem = hip
        along = np.linspace(0, 0.16, 5, dtype=np.float32)
        left, right = (leg.at(along, _trouser_radius(body, along)) for leg in body.legs)
        lower = np.concatenate([left, body.place([(0, 3.0)]), right[::-1]])
    canvas.polygon(np.concatenate([waist, lower]), cloth, Parsing.LOWER_CLOTHES)
    if p.bottom == "skirt":
        for x in (-0.62, -0.2, 0.25, 0.65):
            fold = [(0.72 * x, 2.7), (1.27 * x, 3.9), (1.27 * x - 0.1, 3.9)]
            canvas.polygon(body.place(fold), cloth * 0.8)
    else:
        fly = [(0, 2.0), (0.02, 2.55), (0, 2.95)]
        canvas.line(body.place(fly), cloth * 0.78, 0.025 * body.unit)
    drawn = canvas.layer()
    x, y = body.locate(*pixel_grid(*body.size))
    across = x / profile(y, (1.85, 2.45, 3.9), (top, hip, hem))
    shade = 1 - 0.24 * across.clip(-1, 1) ** 2
    return drawn._replace(colour=drawn.colour * shade[..., None])
