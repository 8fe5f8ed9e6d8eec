"""Heads: face and hair, as layers with their labels."""

import numpy as np

from pfafn.models.parts import BodyPart, Parsing
from pfafn.studio.canvas import KEEP, Canvas, Layer, ellipse
from pfafn.studio.geometry import Floats, pixel_grid
from pfafn.studio.person import Body


def hair_behind(body: Body) -> list[Layer]:
    """Hair that falls behind the shoulders, if any."""
    falls = {
        "long": _lock(0.5, 1.35),
        "bob": _lock(0.52, 0.62),
        "ponytail": ellipse((0.46, 0.45), (0.17, 0.62)),
    }
    if body.person.hair_style not in falls:
        return []
    canvas = Canvas(*body.size, body.head_point)
    canvas.polygon(falls[body.person.hair_style], body.hair * 0.72, Parsing.HAIR)
    return [canvas.layer()]


def _lock(half: float, length: float) -> Floats:
    top = ellipse((0, -0.08), (half, 0.48), 180, 360)
    ends = [(half * 1.08, length), (0, length + 0.08), (-half * 1.08, length)]
    return np.concatenate([top, ends])


def head(body: Body) -> Layer:
    """Face, ears and the hair in front."""
    style, skin, hair = body.person.hair_style, body.skin, body.hair
    canvas = Canvas(*body.size, body.head_point)
    if style == "curly":
        canvas.polygon(ellipse((0, -0.12), (0.58, 0.56)), hair * 0.86, Parsing.HAIR)
    if style == "bun":
        canvas.polygon(ellipse((0, -0.62), (0.19, 0.17)), hair * 0.9, Parsing.HAIR)
    canvas.polygon(ellipse((0, -0.1), (0.43, 0.44)), hair, Parsing.HAIR)
    for side in (1, -1):
        canvas.polygon(ellipse((side * 0.37, 0.04), (0.06, 0.11)), skin * 0.9, Parsing.FACE)
    jaw = ellipse((0, 0.02), (0.365, 0.485), 0, 180)
    brow = ellipse((0, 0.02), (0.365, 0.44), 180, 360)
    canvas.polygon(np.concatenate([jaw, brow]), skin, Parsing.FACE)
    _face(canvas, body)
    _fringe(canvas, body)
    middle = body.head_point([(0, 0), (0, 1)])
    drawn = canvas.layer()
    xs, ys = pixel_grid(*body.size)
    (mx, my), (dx, dy) = middle[0], middle[1] - middle[0]
    left = (xs - mx) * dy - (ys - my) * dx > 0
    parts = np.where(left, BodyPart.HEAD_LEFT, BodyPart.HEAD_RIGHT).astype(np.uint8)
    parts[np.hypot(xs - mx, ys - my) > 0.62 * body.unit] = KEEP  # hair is no part of the body
    return drawn._replace(part=parts)


def _face(canvas: Canvas, body: Body) -> None:
    skin, hair, unit = body.skin, body.hair, body.unit
    for side in (1, -1):
        canvas.polygon(ellipse((side * 0.23, 0.16), (0.09, 0.065)), skin * (1, 0.93, 0.91))
        canvas.polygon(ellipse((side * 0.16, 0.0), (0.075, 0.04)), (250, 248, 246))
        canvas.polygon(ellipse((side * 0.16, 0.0), (0.036, 0.042)), (46, 34, 30))
        canvas.line(
            ellipse((side * 0.16, 0.005), (0.08, 0.05), 190, 350), hair * 0.45, 0.022 * unit
        )
        brow = [(side * 0.07, -0.09), (side * 0.16, -0.125), (side * 0.25, -0.09)]
        canvas.line(brow, hair * 0.6, 0.032 * unit)
    canvas.line([(0.045, 0.155), (0.0, 0.17), (-0.04, 0.155)], skin * 0.76, 0.022 * unit)
    lips = np.array((186, 88, 88)) * (0.5 + 0.5 * skin[0] / 255)
    below = ellipse((0, 0.275), (0.115, 0.03 + 0.035 * body.person.smile), 0, 180)
    above = ellipse((0, 0.275), (0.115, 0.018), 180, 360)
    canvas.polygon(np.concatenate([below, above]), lips)


def _fringe(canvas: Canvas, body: Body) -> None:
    """The hairline, by style."""
    part = {"short": 0.12, "bob": -0.02, "long": 0.0, "bun": 0.0, "curly": 0.1, "ponytail": -0.1}
    style, hair = body.person.hair_style, body.hair
    low = -0.2 if style in ("bob", "curly") else -0.27
    cap = ellipse((0, -0.05), (0.425, 0.47), 186, 354)
    middle = [(0.3, low + 0.02), (part[style], low - 0.08), (-0.3, low + 0.02)]
    line = [(0.37, -0.06), *middle, (-0.37, -0.06)]
    canvas.polygon(np.concatenate([cap, line]), hair, Parsing.HAIR)
    if style in ("long", "bob"):
        end = 0.95 if style == "long" else 0.46
        for side in (1, -1):
            outer = [(0.3, -0.3), (0.43, -0.2), (0.47, 0.2), (0.5, end)]
            strand = np.array([*outer, (0.36, end + 0.04), (0.34, 0.1)]) * (side, 1)
            canvas.polygon(strand, hair * 0.95, Parsing.HAIR)
    shine = ellipse((-0.08, -0.3), (0.24, 0.17), 200, 300)
    canvas.line(shine, np.minimum(hair * 1.25 + 12, 255), 0.03 * body.unit)
