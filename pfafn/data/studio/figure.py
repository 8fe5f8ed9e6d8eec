"""The person without the garment: skin, bottoms, head and hair, as layers with their labels."""

import numpy as np

from pfafn.data.parts import BodyPart, Parsing
from pfafn.data.studio.canvas import Canvas, Layer, ellipse, layer
from pfafn.data.studio.geometry import Floats, LimbField, limb_field, pixel_grid, profile
from pfafn.data.studio.person import Body

_SIDES = {1: "LEFT", -1: "RIGHT"}  # the picture's right is the person's left


def arm_radius(body: Body, along: Floats) -> Floats:
    """Half width of the bare arm and hand, in pixels."""
    knots = (0, 0.3, 0.5, 0.62, 0.97, 1.1, 1.25)
    values = (0.225, 0.2, 0.165, 0.17, 0.105, 0.135, 0.1)
    return body.unit * body.person.arm_girth * profile(along, knots, values)


def arm_field(body: Body, index: int) -> LimbField:
    """Coordinates of the pixels around an arm; index 0 is the picture's right one."""
    return limb_field(body.arms[index], *body.size, margin=0.6 * body.unit)


def bare_arm(body: Body, index: int, field: LimbField) -> Layer:
    """The whole arm with its hand, as if no sleeve were there."""
    side = body.arms[index].side
    radius = arm_radius(body, field.along)
    alpha = np.clip(0.5 + radius - field.reach, 0, 1)
    across = (field.across / radius).clip(-1, 1)
    shade = 1 - 0.2 * across**2 - 0.06 * across * side
    fingers = np.cos(across * 9) ** 8 * profile(field.along, (1.09, 1.13), (0, 0.14))
    colour = np.array(body.person.skin, np.float32) * (shade - fingers)[..., None]
    name = _SIDES[side]
    parts = np.full(alpha.shape, BodyPart[f"{name}_UPPER_ARM"], np.uint8)
    parts[field.along > 0.5] = BodyPart[f"{name}_FOREARM"]
    parts[field.along > 1.0] = BodyPart[f"{name}_HAND"]
    return layer(alpha, colour, Parsing[f"{name}_ARM"])._replace(part=parts)


def bare_torso(body: Body) -> Layer:
    """Neck, shoulders and trunk in skin colour; unlabelled in the parsing, as in VITON."""
    p = body.person
    canvas = Canvas(*body.size)
    skin = np.array(p.skin, np.float32)
    heights = np.linspace(0.3, 2.6, 14)
    widths = profile(
        heights, (0.3, 0.95, 1.75, 2.5), (p.shoulders - 0.14, p.chest, p.waist, p.hips)
    )
    right = [(0.27, -0.3), (0.29, -0.05), (0.42, 0.06), (p.shoulders - 0.2, 0.17)]
    right += list(zip(widths, heights, strict=True))
    outline = np.concatenate([right, (np.array(right) * (-1, 1))[::-1]])
    canvas.polygon(body.place(outline), skin * 0.97, Parsing.BACKGROUND, BodyPart.TORSO)
    chin = [(-0.27, -0.4), (0.27, -0.4), (0.28, -0.14), (0, 0.06), (-0.28, -0.14)]
    canvas.polygon(body.place(np.array(chin)), skin * 0.84, Parsing.BACKGROUND)
    for side in (1, -1):
        bone = [(side * 0.08, 0.24), (side * 0.3, 0.19), (side * 0.55, 0.2)]
        canvas.line(body.place(np.array(bone)), skin * 0.89, 0.025 * body.unit)
    return canvas.layer()


def legs(body: Body) -> list[Layer]:
    """Legs and what is worn on them."""
    p = body.person
    skin, cloth = (np.array(c, np.float32) for c in (p.skin, p.bottom_colour))
    covered = {"trousers": 1.0, "jeans": 1.0, "shorts": 0.3, "skirt": 0.0}[p.bottom]
    layers = []
    for limb in body.legs:
        name = _SIDES[limb.side]
        field = limb_field(limb, *body.size, margin=0.8 * body.unit)
        radius = body.unit * profile(field.along, (0, 0.5, 0.65, 1), (0.4, 0.24, 0.25, 0.15))
        bare = _round(field, radius, skin, limb.side)
        parts = np.where(field.along < 0.5, BodyPart[f"{name}_THIGH"], BodyPart[f"{name}_CALF"])
        layers.append(
            layer(bare[0], bare[1], Parsing[f"{name}_LEG"])._replace(part=parts.astype(np.uint8))
        )
        if covered:
            wide = radius * 1.08 + 0.03 * body.unit
            alpha, colour = _round(field, wide, cloth, limb.side)
            alpha = alpha * (field.along < covered)
            layers.append(layer(alpha, colour, Parsing.LOWER_CLOTHES))
    return [*layers, _pelvis(body, cloth)]


def _round(field: LimbField, radius: Floats, colour: Floats, side: int) -> tuple[Floats, Floats]:
    across = (field.across / radius).clip(-1, 1)
    shade = 1 - 0.26 * across**2 - 0.05 * across * side
    return np.clip(0.5 + radius - field.reach, 0, 1), colour * shade[..., None]


def _pelvis(body: Body, cloth: Floats) -> Layer:
    """The upper part of trousers, or a skirt."""
    p = body.person
    canvas = Canvas(*body.size)
    top, hip = p.waist * 1.02, p.hips * 1.03
    hem = {"skirt": (1.25 * hip, 3.9)}.get(p.bottom, (hip, 2.75))
    right = [(top, 1.85), (hip, 2.45), hem]
    left = [(-x, y) for x, y in right[::-1]]
    if p.bottom != "skirt":
        left.insert(0, (0.0, 2.95))
    canvas.polygon(body.place(np.array(right + left)), cloth * 0.97, Parsing.LOWER_CLOTHES)
    if p.bottom == "skirt":
        for x in (-0.6, -0.2, 0.25, 0.65):
            fold = body.place(np.array([(0.8 * x, 2.5), (1.25 * x, 3.88)]))
            canvas.line(fold, cloth * 0.8, 0.04 * body.unit)
    else:
        fly = body.place(np.array([(0, 2.0), (0.02, 2.55), (0, 2.9)]))
        canvas.line(fly, cloth * 0.75, 0.03 * body.unit)
        for side in (1, -1):
            pocket = body.place(
                np.array([(side * 0.62, 2.1), (side * 0.45, 2.3), (side * 0.72, 2.42)])
            )
            canvas.line(pocket, cloth * 0.78, 0.03 * body.unit)
    return canvas.layer()


def hair_behind(body: Body) -> Layer:
    """Hair that falls behind the shoulders."""
    canvas = Canvas(*body.size)
    dark = np.array(body.person.hair, np.float32) * 0.72
    match body.person.hair_style:
        case "long":
            canvas.polygon(body.head_point(_lock(0.5, 1.35)), dark, Parsing.HAIR)
        case "bob":
            canvas.polygon(body.head_point(_lock(0.52, 0.62)), dark, Parsing.HAIR)
        case "ponytail":
            tail = ellipse((0.46, 0.45), (0.17, 0.62))
            canvas.polygon(body.head_point(tail), dark, Parsing.HAIR)
    return canvas.layer()


def _lock(half: float, length: float) -> Floats:
    top = ellipse((0, -0.08), (half, 0.48), 180, 360)
    return np.concatenate(
        [top, [(half * 1.08, length), (0, length + 0.08), (-half * 1.08, length)]]
    )


def head(body: Body) -> Layer:
    """Face, ears and the hair in front."""
    p = body.person
    canvas = Canvas(*body.size)
    skin, hair = (np.array(c, np.float32) for c in (p.skin, p.hair))

    def fill(points: Floats, colour: Floats, parsing: int = Parsing.FACE) -> None:
        canvas.polygon(body.head_point(points), colour, parsing)

    if p.hair_style == "curly":
        fill(ellipse((0, -0.12), (0.58, 0.56)), hair * 0.86, Parsing.HAIR)
    if p.hair_style == "bun":
        fill(ellipse((0, -0.62), (0.19, 0.17)), hair * 0.9, Parsing.HAIR)
    fill(ellipse((0, -0.1), (0.43, 0.44)), hair, Parsing.HAIR)
    for side in (1, -1):
        fill(ellipse((side * 0.37, 0.04), (0.06, 0.11)), skin * 0.9)
    jaw = ellipse((0, 0.02), (0.365, 0.485), 0, 180)
    brow = ellipse((0, 0.02), (0.365, 0.44), 180, 360)
    fill(np.concatenate([jaw, brow]), skin)
    _face(canvas, body)
    _fringe(canvas, body, hair)
    middle = body.head_point(np.array([(0, 0), (0, 1)]))
    drawn = canvas.layer()
    xs, ys = pixel_grid(*body.size)
    (mx, my), (dx, dy) = middle[0], middle[1] - middle[0]
    left = (xs - mx) * dy - (ys - my) * dx > 0
    parts = np.where(left, BodyPart.HEAD_LEFT, BodyPart.HEAD_RIGHT).astype(np.uint8)
    return drawn._replace(part=parts)


def _face(canvas: Canvas, body: Body) -> None:
    p = body.person
    skin, hair = (np.array(c, np.float32) for c in (p.skin, p.hair))
    unit = body.unit
    for side in (1, -1):
        canvas.polygon(
            body.head_point(ellipse((side * 0.23, 0.16), (0.09, 0.065))), skin * (1, 0.93, 0.91)
        )
        canvas.polygon(body.head_point(ellipse((side * 0.16, 0.0), (0.075, 0.04))), (250, 248, 246))
        canvas.polygon(body.head_point(ellipse((side * 0.16, 0.0), (0.036, 0.042))), (46, 34, 30))
        lid = body.head_point(ellipse((side * 0.16, 0.005), (0.08, 0.05), 190, 350))
        canvas.line(lid, hair * 0.45, 0.022 * unit)
        brow = np.array([(side * 0.07, -0.09), (side * 0.16, -0.125), (side * 0.25, -0.09)])
        canvas.line(body.head_point(brow), hair * 0.6, 0.032 * unit)
    nose = np.array([(0.0, 0.02), (0.045, 0.155), (0.0, 0.17), (-0.04, 0.155)])
    canvas.line(body.head_point(nose[1:]), skin * 0.76, 0.022 * unit)
    lips = np.array((186, 88, 88)) * (0.5 + 0.5 * skin[0] / 255)
    smile = 0.03 + 0.035 * p.smile
    mouth = np.concatenate(
        [ellipse((0, 0.275), (0.115, smile), 0, 180), ellipse((0, 0.275), (0.115, 0.018), 180, 360)]
    )
    canvas.polygon(body.head_point(mouth), lips)


def _fringe(canvas: Canvas, body: Body, hair: Floats) -> None:
    """The hairline, by style."""
    part = {"short": 0.12, "bob": -0.02, "long": 0.0, "bun": 0.0, "curly": 0.1, "ponytail": -0.1}
    style = body.person.hair_style
    low = -0.2 if style in ("bob", "curly") else -0.27
    cap = ellipse((0, -0.05), (0.425, 0.47), 186, 354)
    line = [
        (0.37, -0.06),
        (0.3, low + 0.02),
        (part[style], low - 0.08),
        (-0.3, low + 0.02),
        (-0.37, -0.06),
    ]
    canvas.polygon(body.head_point(np.concatenate([cap, line])), hair, Parsing.HAIR)
    if style in ("long", "bob"):
        end = 0.95 if style == "long" else 0.46
        for side in (1, -1):
            strand = [
                (0.3, -0.3),
                (0.43, -0.2),
                (0.47, 0.2),
                (0.5, end),
                (0.36, end + 0.04),
                (0.34, 0.1),
            ]
            points = np.array(strand) * (side, 1)
            canvas.polygon(body.head_point(points), hair * 0.95, Parsing.HAIR)
    shine = ellipse((-0.08, -0.3), (0.24, 0.17), 200, 300)
    canvas.line(body.head_point(shine), np.minimum(hair * 1.25 + 12, 255), 0.03 * body.unit)
