"""Fabrics: patterns as functions of a place on the cloth, motifs and lettering as drawn shapes."""

import cv2
import numpy as np

from pfafn.studio.canvas import fine_points
from pfafn.studio.garment import Garment
from pfafn.studio.geometry import Floats
from pfafn.studio.letters import word_strokes


def woven(garment: Garment, x: Floats, y: Floats) -> Floats:
    """Share of the pattern colour, in [0, 1], at places x, y (garment units) of the cloth."""
    period, phase = garment.period, garment.phase
    across, down = x / period + 0.25, y / period + phase
    match garment.fabric:
        case "horizontal stripes":
            return _stripes(down)
        case "vertical stripes":
            return _stripes(across)
        case "diagonal stripes":
            return _stripes((across + down) * 0.8)
        case "checks":
            return 0.5 * _stripes(across) + 0.5 * _stripes(down)
        case "dots":
            row = np.floor(down)
            offset = (across + 0.5 * (row % 2)) % 1 - 0.5
            return (offset**2 + (down % 1 - 0.5) ** 2 < 0.3**2).astype(np.float32)
        case "blocks":
            return (y > 1.0 + 0.5 * phase).astype(np.float32)
        case "raglan":
            return (np.abs(x) > garment.neck_width + 0.45 * y).astype(np.float32)
    return np.zeros_like(x)


def _stripes(at: Floats) -> Floats:
    return ((at % 1) < 0.5).astype(np.float32)


def draw_motifs(garment: Garment, sheet: Floats, origin: Floats, scale: float, finer: int) -> None:
    """Draw the print or the lettering as 1 on a [H * finer, W * finer] sheet of zeros."""
    if garment.fabric == "print" and garment.lattice:
        step = 1.3 * garment.period
        for row in range(-1, 7):
            for column in range(-5, 6):
                centre = ((column + 0.5 * (row % 2)) * step, (row + garment.phase) * step)
                _motif(
                    garment.motif,
                    sheet,
                    origin + scale * np.array(centre),
                    0.3 * step * scale,
                    finer,
                )
    elif garment.fabric == "print":
        centre = origin + scale * np.array([0, 1.25])
        _motif(garment.motif, sheet, centre, 0.5 * scale, finer)
    elif garment.fabric == "lettering":
        _lettering(garment, sheet, origin, scale, finer)


def _motif(name: str, sheet: Floats, centre: Floats, radius: float, finer: int) -> None:
    outline = centre + radius * _MOTIFS[name]
    cv2.fillPoly(sheet, [fine_points(outline, finer)], 1.0, cv2.LINE_8, 4)


def _lettering(garment: Garment, sheet: Floats, origin: Floats, scale: float, finer: int) -> None:
    """The garment's word across the chest."""
    height = min(0.8, 0.25 + 1.1 / len(garment.word))
    centre = origin + scale * np.array([0, garment.neck_depth + 0.75])
    thickness = max(1, round(0.09 * scale * finer))
    for stroke in word_strokes(garment.word, 1.3, height):
        fixed = fine_points(centre + scale * stroke, finer)
        cv2.polylines(sheet, [fixed], False, 1.0, thickness, cv2.LINE_8, 4)


def _star() -> Floats:
    angles = np.radians(-90 + 36 * np.arange(10))
    radii = np.where(np.arange(10) % 2, 0.42, 1.0)
    return np.stack([np.cos(angles), np.sin(angles)], -1) * radii[:, None]


def _heart() -> Floats:
    t = np.linspace(0, 2 * np.pi, 40)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, -y], -1) / 16


def _circle() -> Floats:
    t = np.linspace(0, 2 * np.pi, 40)
    return np.stack([np.cos(t), np.sin(t)], -1) * 0.9


_MOTIFS = {
    "star": _star(),
    "heart": _heart(),
    "circle": _circle(),
    "chevron": np.array([(-1, -0.2), (0, -0.9), (1, -0.2), (1, 0.5), (0, -0.2), (-1, 0.5)]),
}
