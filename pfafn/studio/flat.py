"""The flat-laid picture of a garment, as a shop shows it: on white, centred, large."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.studio.canvas import fill, stroke
from pfafn.studio.garment import Garment
from pfafn.studio.geometry import Floats, LimbField, limb_field
from pfafn.studio.pattern import lettering, motifs, woven

FINER = 2  # patterns are painted on a grid this much finer than the picture
_MARGIN = 0.035  # share of the picture left white on each side
_SLEEVE_LENGTH = 2.4  # garment units per unit of `along`, for patterns


class FlatGarment(NamedTuple):
    """A garment laid flat.

    picture uint8 RGB [H, W, 3]; mask uint8 [H, W] in {0, 255}; fabric float RGB [H, W, 3] in
    0..255, the picture before it was cut out; torso [H, W] in [0, 1], the part worn on the torso.
    A place p in garment units is at pixel origin + scale * p.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    fabric: Floats
    torso: Floats
    origin: Floats
    scale: float


def lay_flat(garment: Garment, height: int, width: int) -> FlatGarment:
    """Paint a garment on white, [height, width]."""
    origin, scale = _fit(garment, height, width)
    fine = np.zeros((height * FINER, width * FINER), np.float32)
    ys, xs = np.mgrid[: fine.shape[0], : fine.shape[1]].astype(np.float32)
    x, y = (((p + 0.5) / FINER - 0.5 - o) / scale for p, o in zip((xs, ys), origin, strict=True))
    torso, back = fine.copy(), fine.copy()
    fill(torso, origin + scale * garment.torso_outline(), 1.0, FINER)
    fill(back, origin + scale * _neck_hole(garment), 1.0, FINER)

    pattern = woven(garment, x, y)
    for outline in motifs(garment):
        fill(pattern, origin + scale * outline, 1.0, FINER)
    chest = origin + scale * np.array([0, garment.neck_depth + 0.75])
    for line in lettering(garment):
        stroke(pattern, chest + scale * line, 1.0, 0.09 * scale, FINER)
    sleeves, seam = fine.copy(), fine > 0
    for side in (1, -1) if garment.sleeve_end else ():
        field = _sleeve_field(garment, side, origin, scale, fine.shape)
        inside, covered = _sleeve(garment, field, scale)
        sleeves = np.maximum(sleeves, inside)
        beyond = covered & (torso < 0.5)
        if garment.fabric not in ("print", "lettering") or not garment.lattice:
            pattern = np.where(beyond, _sleeve_pattern(garment, field), pattern)
        seam |= (field.along > garment.sleeve_end - 0.06) & beyond
    ground, second = (np.array(c, np.float32) for c in garment.colours[:2])
    colour = ground + pattern[..., None] * (second - ground)
    colour = _trim(garment, colour, seam, origin, scale)
    colour *= _shading(garment, x, y, torso, sleeves)[..., None]
    hidden = (back > 0.5) & (torso < 0.5)
    colour[hidden] = 0.55 * ground

    fabric, torso, whole = (
        cv2.resize(a, (width, height), interpolation=cv2.INTER_AREA)
        for a in (colour, torso, np.maximum(np.maximum(torso, back), sleeves))
    )
    picture = fabric * whole[..., None] + 255 * (1 - whole[..., None])
    mask = np.where(whole > 0.5, 255, 0).astype(np.uint8)
    return FlatGarment(
        np.round(picture).clip(0, 255).astype(np.uint8), mask, fabric, torso, origin, scale
    )


def _fit(garment: Garment, height: int, width: int) -> tuple[Floats, float]:
    """Origin and scale at which the whole garment just fills the picture."""
    points = [garment.torso_outline()]
    if garment.sleeve_end > 0:
        along = np.linspace(0, garment.sleeve_end, 9, dtype=np.float32)
        reach = garment.sleeve_half_width(along)
        right = garment.sleeve_curve(1).at(np.tile(along, 2), np.concatenate([reach, -reach]))
        points += [right, right * (-1, 1)]
    low, high = (getattr(np.concatenate(points), end)(0) for end in ("min", "max"))
    room = np.array([width, height], np.float32) * (1 - 2 * _MARGIN)
    scale = float((room / (high - low)).min())
    centre = np.array([width - 1, height - 1], np.float32) / 2
    return (centre - scale * (low + high) / 2).astype(np.float32), scale


def _neck_hole(garment: Garment) -> Floats:
    """Outline of the inside of the back, seen through the neckline."""
    across = np.linspace(1, -1, 15)
    back = np.stack([across * garment.neck_width, 0.1 * (1 - across**2)], -1)
    front = garment.torso_outline()[-13:]
    return np.concatenate([back, front])


def _sleeve_field(
    garment: Garment, side: int, origin: Floats, scale: float, shape: tuple[int, ...]
) -> LimbField:
    """Sleeve coordinates on the finer grid; `across` and `reach` in garment units."""
    limb = garment.sleeve_curve(side).scaled(scale, origin)
    height, width = (n // FINER for n in shape)
    along, across, reach = limb_field(limb, height, width, margin=0.5 * scale)
    coarse = (along, across / scale, np.minimum(reach / scale, 9.0))
    return LimbField(*(cv2.resize(f, shape[::-1], interpolation=cv2.INTER_LINEAR) for f in coarse))


def _sleeve(garment: Garment, field: LimbField, scale: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Where the sleeve is (0 or 1), and where it and a rim of two pixels around it are."""
    reach = garment.sleeve_half_width(field.along)
    end = garment.sleeve_end
    inside = (field.reach < reach) & (field.along < end)
    covered = (field.reach < reach + 2.5 / scale) & (field.along < end + 1.2 / scale)
    return inside.astype(np.float32), covered


def _sleeve_pattern(garment: Garment, field: LimbField) -> Floats:
    if garment.fabric == "raglan":
        return np.ones_like(field.along)
    if garment.fabric in ("print", "lettering", "blocks"):
        return np.zeros_like(field.along)
    return woven(garment, field.across, field.along * _SLEEVE_LENGTH)


def _trim(
    garment: Garment, colour: Floats, cuff: NDArray[np.bool_], origin: Floats, scale: float
) -> Floats:
    """Cuffs, the band along the neckline, the hem's seam, a collar and its buttons."""
    trim = np.array(garment.colours[2], np.float32) * 0.82
    colour = np.where(cuff[..., None], trim, colour)
    outline = garment.torso_outline()
    neck = np.concatenate([outline[-14:], outline[:1]])

    def sew(points: Floats, rgb: Floats, width: float) -> None:
        stroke(colour, origin + scale * points, rgb.tolist(), width * scale, FINER)

    if garment.neckline == "collar":
        width, depth = garment.neck_width, garment.neck_depth
        sew(np.array([(0, depth), (0, garment.hem)]), trim, 0.05)
        tip, corner = (0.6 * width, depth + 0.22), (width + 0.18, 0.22)
        flap = np.array([(width, -0.02), (0, depth), tip, corner])
        for side in (1, -1):
            rgb = (trim * 1.1).clip(0, 255).tolist()
            fill(colour, origin + scale * flap * (side, 1), rgb, FINER)
            sew(flap[1:] * (side, 1), trim * 0.7, 0.03)
    else:
        sew(neck, trim, 0.16)
    hem = garment.hem - 0.1
    edge = garment.half_width(np.array([hem]))[0]
    sew(np.array([(-edge, hem), (0, hem + 0.05), (edge, hem)]), trim * 0.95, 0.04)
    return colour


def _shading(garment: Garment, x: Floats, y: Floats, torso: Floats, sleeves: Floats) -> Floats:
    """Soft light on the cloth, in (0, 1]: darker to the sides, and where sleeves go under."""
    side = np.clip(np.abs(x) / garment.half_width(y), 0, 1)
    folds = 0.03 * np.sin(3.1 * x + 1.3 * y + 6 * garment.phase) * np.sin(2.2 * y - 1.1 * x)
    light = 0.96 - 0.1 * side**3 + folds
    shade = cv2.GaussianBlur(torso, (0, 0), max(1.0, torso.shape[0] / 90))
    under = (sleeves > 0) & (torso < 0.5)
    return np.where(under, 0.96 + folds - 0.14 * shade, light).clip(0.5, 1).astype(np.float32)
