"""Plane geometry of the studio: smooth profiles, and limbs as curves with their own coordinates.

Convention: points are x (right), y (down); pixel centres are integers. A limb carries two
coordinates: `along`, 0 at its root and growing to its tip, and `across`, the distance from the
middle line in the curve's length unit, positive on the outer side of the body.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


def profile(at: ArrayLike, knots: Sequence[float], values: Sequence[float]) -> Floats:
    """Interpolate values at knots (increasing) with zero slope at each; constant outside."""
    at = np.asarray(at, np.float32)
    result = np.full(at.shape, values[0], np.float32)
    for i in range(len(knots) - 1):
        t = np.clip((at - knots[i]) * (1 / (knots[i + 1] - knots[i])), 0, 1)
        result += t * t * (3 - 2 * t) * (values[i + 1] - values[i])
    return result


def rotation(degrees: float) -> Floats:
    """2x2 matrix turning x towards y, which is clockwise on a screen."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]], np.float32)


def downwards(degrees: float, side: int) -> Floats:
    """Unit vector pointing down, swung outwards by degrees; side +1 is the picture's right."""
    return np.array([side * np.sin(np.radians(degrees)), np.cos(np.radians(degrees))], np.float32)


def pixel_grid(height: int, width: int) -> tuple[Floats, Floats]:
    """x and y of every pixel, each [H, W]."""
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    return xs, ys


class Limb(NamedTuple):
    """A curve: points [K, 2], their `along` coordinate [K], and the side it is on (+1 or -1)."""

    points: Floats
    along: Floats
    side: int

    def scaled(self, scale: float, origin: Floats) -> "Limb":
        """The same limb under p -> origin + scale * p."""
        return self._replace(points=(origin + scale * self.points).astype(np.float32))

    def at(self, along: Floats, across: Floats) -> Floats:
        """The points [..., 2] with the given coordinates; straight on beyond both ends."""
        index = np.clip(np.searchsorted(self.along, along) - 1, 0, len(self.along) - 2)
        start, step = self.points[index], self.points[index + 1] - self.points[index]
        share = (along - self.along[index]) / (self.along[index + 1] - self.along[index])
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        normal = self.side * np.stack([step[..., 1], -step[..., 0]], -1) / length
        return start + share[..., None] * step + across[..., None] * normal


class LimbField(NamedTuple):
    """Limb coordinates of every pixel, each [H, W]; reach is the distance to the curve itself."""

    along: Floats
    across: Floats
    reach: Floats


def bent_limb(joints: ArrayLike, along: ArrayLike, side: int, bend: float = 0.2) -> Limb:
    """A smooth curve through [3 or more] joints, given the `along` coordinate of each.

    The corner at every inner joint is replaced by a parabola over `bend` on both sides of it;
    `bend` must not reach the neighbouring joints.
    """
    joints, along = np.asarray(joints, np.float32), np.asarray(along, np.float32)
    pace = np.diff(joints, axis=0) / np.diff(along)[:, None]
    turns = np.diff(pace, axis=0)
    sharp = np.linalg.norm(turns, axis=1) > 0.02 * np.linalg.norm(pace[1:], axis=1)
    inner = along[1:-1][sharp, None] + bend * np.linspace(-1, 1, 7, dtype=np.float32)
    knots = np.unique(np.concatenate([along, inner.ravel()]))
    points = np.stack([np.interp(knots, along, joints[:, i]) for i in (0, 1)], -1)
    for place, turn in zip(along[1:-1][sharp], turns[sharp], strict=True):
        near = 1 - np.minimum(np.abs(knots - place) / bend, 1)
        points += (bend / 4 * near**2)[:, None] * turn
    return Limb(points.astype(np.float32), knots.astype(np.float32), side)


def limb_field(limb: Limb, height: int, width: int, margin: float) -> LimbField:
    """Coordinates of the pixels within `margin` pixels of the limb; reach is inf elsewhere."""
    xs, ys = pixel_grid(height, width)
    field = LimbField(*np.zeros((3, height, width), np.float32))
    field.reach[:] = np.inf
    last = len(limb.points) - 2
    for i, (a, b) in enumerate(zip(limb.points[:-1], limb.points[1:], strict=True)):
        low = np.floor(np.minimum(a, b) - margin).astype(int).clip(0)
        high = np.ceil(np.maximum(a, b) + margin).astype(int).clip(0) + 1
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        (dx, dy), (px, py) = b - a, (xs[box] - a[0], ys[box] - a[1])
        length = np.hypot(dx, dy)
        share = (px * dx + py * dy) * (1 / length**2)
        inside = np.clip(share, 0, 1)
        reach = np.hypot(px - inside * dx, py - inside * dy)
        closer = reach < np.minimum(field.reach[box], margin)
        # Straight on beyond the two ends, but not beyond the corners between.
        share = np.clip(share, -np.inf if i == 0 else 0, np.inf if i == last else 1)
        along = limb.along[i] + share * (limb.along[i + 1] - limb.along[i])
        across = (px * dy - py * dx) * (limb.side / length)
        for values, new in zip(field, (along, across, reach), strict=True):
            np.copyto(values[box], new, where=closer)
    return field
