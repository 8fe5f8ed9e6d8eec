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
    canvas = Canvas(*body.size)
    dark = np.array(body.person.hair, np.float32) * 0.72
    canvas.polygon(body.head_point(falls[body.person.hair_style]), dark, Parsing.HAIR)
    return [canvas.layer()]


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
    parts[np.hypot(xs - mx, ys - my) > 0.62 * body.unit] = KEEP  # hair is no part of the body
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
