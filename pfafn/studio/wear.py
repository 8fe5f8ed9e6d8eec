"""Wearing: the known flow that takes the flat garment onto a body, and the layers it makes."""

import cv2
import numpy as np

from pfafn.models.parts import Parsing
from pfafn.studio.canvas import Layer, layer
from pfafn.studio.figure import arm_radius
from pfafn.studio.flat import FlatGarment
from pfafn.studio.garment import Garment
from pfafn.studio.geometry import Floats, LimbField, pixel_grid, profile
from pfafn.studio.person import ARM_LENGTH, Body

# Light on cloth that faces the camera, such that worn cloth is on average as bright as it is flat:
# a catalogue exposes both pictures alike.
FRONT_LIGHT = 1.05


def worn_torso(body: Body, garment: Garment, flat: FlatGarment) -> Layer:
    """The garment's front on the torso."""
    xs, ys = pixel_grid(*body.size)
    x, y = body.locate(xs, ys)
    worn = _worn_half_width(body, garment, y)
    wrinkle = _wrinkles(body, x, y)
    flat_x = x * garment.half_width(y) / worn + wrinkle
    source = _to_pixels(flat, flat_x, y + 0.7 * wrinkle)
    alpha = cv2.remap(flat.torso, source, None, cv2.INTER_LINEAR)  # none outside of the picture
    shade = _torso_light(body, x / worn, x, y)
    return _cloth(flat, source, alpha, shade)


def worn_sleeve(
    body: Body, garment: Garment, flat: FlatGarment, arm: LimbField, side: int, torso: Floats
) -> Layer:
    """The garment's sleeve on an arm, given the arm's field in pixels.

    torso [H, W] in [0, 1] is where the garment's front is worn: the sleeve's root fades into it.
    """
    worn = _worn_sleeve_half_width(body, garment, arm.along)
    across = arm.across / worn
    round_off = across.clip(-1, 1) ** 2
    hem = (garment.sleeve_end + 0.02 * (1 - round_off) - arm.along) * ARM_LENGTH * body.unit
    alpha = np.clip(0.5 + worn - arm.reach, 0, 1) * np.clip(0.5 + hem, 0, 1)
    alpha = alpha * (1 - torso * profile(arm.along, (-0.06, 0.06), (1, 0)))
    inside = across.clip(-1.2, 1.2) * garment.sleeve_half_width(arm.along)
    points = garment.sleeve_curve(side).at(np.minimum(arm.along, garment.sleeve_end + 0.02), inside)
    source = _to_pixels(flat, points[..., 0], points[..., 1])
    f = body.person.folds
    bend = np.exp(-(((arm.along - 0.5) / 0.12) ** 2))
    folds = np.sin(arm.along * 34 + 2 * across + f[1]) * (0.02 + 0.06 * bend)
    roundness = profile(arm.along, (0, 0.25), (0.04, 0.24))
    shade = FRONT_LIGHT - roundness * round_off - 0.05 * across * side + folds
    return _cloth(flat, source, alpha, shade)


def _worn_sleeve_half_width(body: Body, garment: Garment, along: Floats) -> Floats:
    """Half width of the worn sleeve in pixels: of its cut, but never narrower than the arm."""
    girth = body.person.arm_girth
    cut = garment.sleeve_half_width(along) * profile(along, (0, 0.2, 1), (0.8, 0.9, 1.0)) * girth
    return np.maximum(body.unit * cut, 1.08 * arm_radius(body, along) + 0.03 * body.unit)


def _worn_half_width(body: Body, garment: Garment, y: Floats) -> Floats:
    """Half width of the worn garment's torso at height y, in head heights."""
    p = body.person
    hips = max(p.hips, 0.82)  # over whatever is worn there
    waist, hem = {
        "fitted": (p.waist * 1.04, hips * 1.04),
        "boxy": (0.5 * (p.waist + p.chest) * 1.1, hips * 1.12),
        "flared": (p.waist * 1.12, hips * 1.3),
    }[garment.cut]
    widths = (p.shoulders * 0.98, p.chest * 1.06, waist, hem)
    return profile(y, (0.3, 0.95, 1.75, 2.5), widths)


def _wrinkles(body: Body, x: Floats, y: Floats) -> Floats:
    """A small smooth displacement of the cloth, in head heights."""
    f = body.person.folds
    waves = np.sin(2.3 * x + 3.1 * y + f[0]) + 0.6 * np.sin(-4.1 * x + 2.7 * y + f[1])
    return 0.022 * waves * np.clip(y - 0.3, 0, 1)


def _torso_light(body: Body, across: Floats, x: Floats, y: Floats) -> Floats:
    """Light on the cloth: round to the sides, folds towards the waist and from the armpits."""
    f = body.person.folds
    lean = 0.04 * np.sin(f[2]) * across
    pull = np.sin(8 * y + 4 * np.sin(f[5]) * x + f[3]) * np.clip(y - 1.1, 0, 1) * 0.035
    hang = np.sin(11 * x + 1.6 * y + f[4]) * np.clip(y - 0.9, 0, 1.2) * 0.03
    armpit = -0.05 * np.exp(-(((np.abs(across) - 0.75) / 0.2) ** 2) - ((y - 0.9) / 0.3) ** 2)
    roundness = profile(y, (0.3, 1.0), (0.05, 0.2))
    return FRONT_LIGHT - roundness * across.clip(-1, 1) ** 2 + lean + pull + hang + armpit


def _to_pixels(flat: FlatGarment, x: Floats, y: Floats) -> Floats:
    places = np.stack([x, y], -1)
    return (flat.origin + flat.scale * places).astype(np.float32)


def _cloth(flat: FlatGarment, source: Floats, alpha: Floats, shade: Floats) -> Layer:
    # NOTE: cloth is sampled from the uncut fabric: its edge takes no white from the backdrop.
    edge = cv2.BORDER_REPLICATE
    colour = cv2.remap(flat.fabric, source, None, cv2.INTER_LINEAR, borderMode=edge)
    shaded = colour * shade.clip(0.3, 1.2)[..., None]
    return layer(alpha, shaded, Parsing.UPPER_CLOTHES)._replace(source=source)
