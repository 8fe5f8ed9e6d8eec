"""Fabrics: patterns as functions of a place on the cloth, motifs and lettering as drawn shapes."""

import numpy as np

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


def motifs(garment: Garment) -> list[Floats]:
    """Outlines [N, 2] of a print, in garment units; none on another fabric."""
    if garment.fabric != "print":
        return []
    shape, step = _MOTIFS[garment.motif], 1.3 * garment.period
    if not garment.lattice:
        return [(0, 1.25) + 0.5 * shape]
    return [
        ((column + 0.5 * (row % 2)) * step, (row + garment.phase) * step) + 0.3 * step * shape
        for row in range(-1, 7)
        for column in range(-5, 6)
    ]


def lettering(garment: Garment) -> list[Floats]:
    """Lines [N, 2] of the garment's word around the origin, in garment units; else none."""
    if garment.fabric != "lettering":
        return []
    return word_strokes(garment.word, 1.3, min(0.8, 0.25 + 1.1 / len(garment.word)))


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
