"""How different two colours look: CIEDE2000, by Sharma, Wu and Dalal (2005)."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.floating]


def difference(image: Tensor, target: Tensor) -> Tensor:
    """CIEDE2000 [...] of sRGB colours [3, ...] in [0, 1] under D65; about 1 can just be seen."""
    lab = (_lab(colours) for colours in (image, target))
    return torch.from_numpy(ciede2000(*lab)).view(image.shape[1:])


def _lab(colours: Tensor) -> NDArray[np.float32]:
    rgb = colours.flatten(1).T.contiguous().float().numpy()
    return cv2.cvtColor(rgb[None], cv2.COLOR_RGB2Lab)[0]


def ciede2000(one: Floats, other: Floats) -> Floats:
    """The difference [N] of colours in CIELAB [N, 3]."""
    (l1, c1, h1), (l2, c2, h2) = _polar(one, other)
    gray = c1 * c2 == 0  # a gray has no hue
    turn = np.where(gray, 0, (h2 - h1 + 180) % 360 - 180)
    wide = np.abs(h1 - h2) > 180
    hue = np.where(gray, h1 + h2, (h1 + h2 + 360 * wide) / 2 % 360)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue)
    t += 0.32 * _cos(3 * hue + 6) - 0.2 * _cos(4 * hue - 63)
    off = (light - 50) ** 2
    dl = (l2 - l1) / (1 + 0.015 * off / np.sqrt(20 + off))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    rotation = -2 * _grown(chroma) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    # Of all but equal colours rounding may leave less than nothing.
    return np.sqrt(np.maximum(0, dl**2 + dc**2 + dh**2 + rotation * dc * dh))


def _polar(one: Floats, other: Floats) -> list[tuple[Floats, Floats, Floats]]:
    """Lightness, chroma and hue in degrees of both, with a* stretched where colours are dull."""
    mean = (np.hypot(*one[:, 1:].T) + np.hypot(*other[:, 1:].T)) / 2
    stretch = 1 + 0.5 * (1 - _grown(mean))
    found = []
    for lightness, a, b in (one.T, other.T):
        hue = np.degrees(np.arctan2(b, stretch * a)) % 360
        found.append((lightness, np.hypot(stretch * a, b), hue))
    return found


def _grown(chroma: Floats) -> Floats:
    """0 for grays, towards 1 for vivid colours."""
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _cos(degrees: Floats) -> Floats:
    return np.cos(np.radians(degrees))
