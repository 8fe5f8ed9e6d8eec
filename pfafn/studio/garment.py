"""What a garment is: shape, fabric and colours, drawn from a random generator.

Garment units are head heights of the figure that wears it; the origin is the base of the neck, y
points down the spine. The flat garment and the body share these coordinates, so that being worn is
a change of widths (torso) and of the sleeve's curve (arms).
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from pfafn.studio.geometry import Floats, Limb, bent_limb, downwards, profile

SLEEVE_ENDS = {"sleeveless": 0.0, "short": 0.4, "three-quarter": 0.72, "long": 0.97}
NECKLINES = ("round", "v", "boat", "collar")
CUTS = ("fitted", "boxy", "flared")
FABRICS = (
    "solid",
    "horizontal stripes",
    "vertical stripes",
    "diagonal stripes",
    "checks",
    "dots",
    "print",
    "lettering",
    "raglan",
    "blocks",
)
MOTIFS = ("star", "heart", "circle", "chevron")
WORDS = ("HELLO", "LOVE", "NYC", "PARIS", "SUN", "WAVE", "GO", "RIO", "OHIO", "MOON", "FLY", "1471")

SHOULDER = 0.84  # half width of the flat garment's shoulders
SLEEVE_ROOT = np.array([0.66, 0.44], np.float32)  # right sleeve; the left one is its mirror image


@dataclass(frozen=True)
class Garment:
    """One upper-body garment. Colours are RGB in 0..255; lengths are in head heights."""

    sleeve: str
    neckline: str
    cut: str
    fabric: str
    colours: tuple[tuple[int, int, int], ...]  # ground, pattern, trim
    hem: float
    neck_width: float
    neck_depth: float
    sleeve_width: float  # half width at the root
    cuff_width: float  # half width where the sleeve ends
    sleeve_angle: float  # degrees from the vertical when laid flat
    period: float  # of the pattern
    phase: float
    motif: str
    word: str
    lattice: bool  # motif repeated all over, instead of one big print on the chest

    @property
    def sleeve_end(self) -> float:
        """Where the sleeve ends on the arm: 0 shoulder, 0.5 elbow, 1 wrist."""
        return SLEEVE_ENDS[self.sleeve]

    def half_width(self, y: Floats) -> Floats:
        """Half width of the flat torso at height y, down to the hem."""
        waist, hem = {"fitted": (0.7, 0.82), "boxy": (0.86, 0.88), "flared": (0.8, 1.06)}[self.cut]
        return profile(y, (0.3, 0.95, 1.75, self.hem), (SHOULDER, 0.86, waist, hem))

    def sleeve_half_width(self, along: Floats) -> Floats:
        """Half width of the flat sleeve at a place on the arm."""
        end = max(self.sleeve_end, 0.1)
        share = np.clip(np.asarray(along) / end, 0, 1)
        return (self.sleeve_width * (1 - share) + self.cuff_width * share).astype(np.float32)

    def sleeve_curve(self, side: int) -> Limb:
        """The flat sleeve's middle line, in garment units."""
        root = SLEEVE_ROOT * (side, 1)
        elbow = root + 1.25 * downwards(self.sleeve_angle, side)
        wrist = elbow + 1.15 * downwards(self.sleeve_angle * 0.15, side)
        return bent_limb([root, elbow, wrist], [0, 0.5, 1], side)

    def torso_outline(self) -> Floats:
        """Closed outline [N, 2] of the flat torso with its neckline, in garment units."""
        half = [(self.neck_width, 0.0), (SHOULDER - 0.09, 0.14), (SHOULDER - 0.03, 0.22)]
        if self.sleeve == "sleeveless":
            half = [(self.neck_width, 0.0), (0.68, 0.13), (0.63, 0.45), (0.68, 0.72)]
        heights = np.linspace(0.92, self.hem, 16)
        half += list(zip(self.half_width(heights), heights, strict=True))
        across = np.linspace(1, -1, 15)
        depth = {
            "v": 1 - np.abs(across),
            "boat": 1 - across**4,
        }.get(self.neckline, np.sqrt(1 - across**2))
        neck = np.stack([across * self.neck_width, self.neck_depth * depth], -1)
        right = np.array(half)
        hem = np.linspace(1, -1, 9)[1:-1]
        last = self.half_width(np.array([self.hem]))[0]
        hem = np.stack([hem * last, self.hem + 0.05 * (1 - hem**2)], -1)
        return np.concatenate([right, hem, (right * (-1, 1))[::-1], neck[::-1][1:-1]]).astype(
            np.float32
        )


def sample_garment(rng: np.random.Generator) -> Garment:
    """Draw a garment."""
    sleeve = str(rng.choice(list(SLEEVE_ENDS), p=(0.14, 0.42, 0.14, 0.3)))
    neckline = str(rng.choice(NECKLINES, p=(0.45, 0.25, 0.15, 0.15)))
    cut = str(rng.choice(CUTS, p=(0.4, 0.4, 0.2)))
    width = rng.uniform(0.26, 0.31)
    loose = rng.uniform(0.82, 0.98)
    depth = {"round": (0.3, 0.5), "v": (0.6, 0.95), "boat": (0.14, 0.22), "collar": (0.3, 0.4)}
    fabric = str(rng.choice(FABRICS, p=(0.1, 0.16, 0.1, 0.08, 0.12, 0.1, 0.1, 0.12, 0.06, 0.06)))
    return Garment(
        sleeve=sleeve,
        neckline=neckline,
        cut=cut,
        fabric=fabric,
        colours=_colours(rng),
        hem=rng.uniform(2.5, 2.85),
        neck_width=rng.uniform(0.5, 0.62) if neckline == "boat" else rng.uniform(0.33, 0.45),
        neck_depth=rng.uniform(*depth[neckline]),
        sleeve_width=width,
        cuff_width=width * {"short": loose, "three-quarter": 0.8 * loose}.get(sleeve, 0.68 * loose),
        sleeve_angle=rng.uniform(28, 44) if sleeve == "short" else rng.uniform(23, 29),
        period=rng.uniform(0.5, 0.9),
        phase=rng.uniform(),
        motif=str(rng.choice(MOTIFS)),
        word=str(rng.choice(WORDS)),
        lattice=bool(rng.random() < 0.4),
    )


def _colours(rng: np.random.Generator) -> tuple[tuple[int, int, int], ...]:
    """Ground, pattern and trim: well spread hues, a light one on a dark one or the reverse."""
    hue, dark = rng.uniform(), rng.random() < 0.55
    ground = _colour(hue, rng.uniform(0.25, 0.85), rng.uniform(0.22, 0.5) if dark else 0.86)
    if rng.random() < 0.18:
        ground = (38, 38, 42) if dark else (236, 235, 232)
    second = (hue + rng.choice((0.08, 0.33, 0.5, 0.67))) % 1.0
    pattern = _colour(second, rng.uniform(0.2, 0.9), 0.9 if dark else rng.uniform(0.2, 0.5))
    if rng.random() < 0.35:
        pattern = (245, 244, 240) if dark else (36, 38, 48)
    return ground, pattern, pattern if rng.random() < 0.3 else ground


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(float(hue), float(saturation), float(value))
    return round(255 * red), round(255 * green), round(255 * blue)
