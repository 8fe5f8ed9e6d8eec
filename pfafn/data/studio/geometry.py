"""Plane geometry of the studio: smooth profiles, and limbs as curves with their own coordinates.

Convention: points are x (right), y (down); pixel centres are integers. A limb carries two
coordinates: `along`, 0 at its root and growing to its tip, and `across`, the distance from the
middle line in the curve's length unit, positive on the outer side of the body.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


def profile(at: ArrayLike, knots: ArrayLike, values: ArrayLike) -> Floats:
    """Interpolate values at knots (increasing) with zero slope at each; constant outside."""
    at, knots, values = (np.asarray(a, np.float32) for a in (at, knots, values))
    right = np.clip(np.searchsorted(knots, at), 1, len(knots) - 1)
    t = np.clip((at - knots[right - 1]) / (knots[right] - knots[right - 1]), 0, 1)
    t = t * t * (3 - 2 * t)
    return (values[right - 1] * (1 - t) + values[right] * t).astype(np.float32)


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

    The corner at every inner joint is replaced by a parabola over `bend` on both sides of it.
    """
    joints = np.asarray(joints, np.float32)
    along = np.asarray(along, np.float32)
    inner = along[1:-1, None] + bend * np.linspace(-1, 1, 7, dtype=np.float32)
    knots = np.unique(np.concatenate([along, inner.ravel()]))
    knots = knots[(knots >= along[0]) & (knots <= along[-1])]
    points = np.stack([np.interp(knots, along, joints[:, i]) for i in (0, 1)], -1)
    for i in range(1, len(joints) - 1):
        before = (joints[i] - joints[i - 1]) / (along[i] - along[i - 1])
        after = (joints[i + 1] - joints[i]) / (along[i + 1] - along[i])
        offset = np.clip((knots - along[i]) / bend, -1, 1)
        rounding = bend * (1 - np.abs(offset)) ** 2 / 4
        points += rounding[:, None] * (after - before)
    return Limb(points.astype(np.float32), knots.astype(np.float32), side)


def limb_field(limb: Limb, height: int, width: int, margin: float) -> LimbField:
    """Coordinates of the pixels within `margin` pixels of the limb's box; reach inf elsewhere."""
    reach = np.full((height, width), np.inf, np.float32)
    field = LimbField(np.zeros_like(reach), np.zeros_like(reach), reach)
    low = np.floor(limb.points.min(0) - margin).astype(int).clip(0)
    high = np.ceil(limb.points.max(0) + margin).astype(int).clip(0) + 1
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    along, across, reach = (f[box] for f in field)  # views: filled in place
    if reach.size == 0:
        return field
    ys, xs = np.mgrid[
        box[0].start : box[0].start + reach.shape[0], low[0] : low[0] + reach.shape[1]
    ]
    nearest = np.full(reach.shape, np.inf, np.float32)
    last = len(limb.points) - 2
    for i, (a, b) in enumerate(zip(limb.points[:-1], limb.points[1:], strict=True)):
        dx, dy = b - a
        length = np.hypot(dx, dy)
        px, py = xs - a[0], ys - a[1]
        t = (px * dx + py * dy) / length**2
        side = limb.side * (px * dy - py * dx) / length
        inside = np.clip(t, 0, 1)
        distance = (px - inside * dx) ** 2 + (py - inside * dy) ** 2
        t = np.clip(t, -np.inf if i == 0 else 0, np.inf if i == last else 1)
        closer = distance < nearest
        nearest = np.where(closer, distance, nearest)
        step = limb.along[i + 1] - limb.along[i]
        np.copyto(along, limb.along[i] + t * step, where=closer, casting="same_kind")
        np.copyto(across, side, where=closer, casting="same_kind")
    reach[:] = np.sqrt(nearest)
    return field
