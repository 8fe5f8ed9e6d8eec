"""Colour profiles made from their published numbers, and pictures in their colours."""

import struct

import numpy as np
from numpy.typing import NDArray

# Colorants as ICC profiles have them (XYZ under D50), a row each: red, green, blue.
SRGB = np.array(
    [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)]
)
DISPLAY_P3 = np.array(
    [(0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)]
)
ADOBE_RGB = np.array(
    [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
)
D50 = (0.9642, 1.0, 0.8249)
ADOBE_GAMMA = 2.19921875


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256)) + bytes(2)


SRGB_CURVE = b"para" + bytes(4) + struct.pack(">HH", 3, 0)
SRGB_CURVE += fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def icc(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile: header, table of tags, tags."""
    name = b"test\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78),
        b"cprt": b"text" + bytes(4) + b"CC0\0",
        b"wtpt": b"XYZ " + bytes(4) + fixed(*D50),
    } | tags
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = struct.pack(">I", start + len(body))
    header = size + bytes(4) + struct.pack(">I", 0x02400000) + kind + space + pcs
    header = header.ljust(36, b"\0") + b"acsp"
    return (header.ljust(68, b"\0") + fixed(*D50)).ljust(128, b"\0") + table + body


def matrix(colorants: NDArray[np.float64], curve: bytes) -> bytes:
    """A profile of an RGB space."""
    tags = {}
    for name, colour in zip(b"rgb", colorants, strict=True):
        tags[bytes([name]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*colour)
        tags[bytes([name]) + b"TRC"] = curve
    return icc(b"mntr", b"RGB ", b"XYZ ", tags)


WIDE = {
    "Display P3": matrix(DISPLAY_P3, SRGB_CURVE),
    "Adobe RGB": matrix(ADOBE_RGB, gamma(ADOBE_GAMMA)),
}


def linear(shades: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)


def shown(light: NDArray[np.float64]) -> NDArray[np.float64]:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def in_wide(rgb: NDArray[np.uint8], space: str) -> NDArray[np.uint8]:
    """The picture with the same colours in Display P3 or Adobe RGB."""
    colorants = {"Display P3": DISPLAY_P3, "Adobe RGB": ADOBE_RGB}[space]
    light = linear(rgb / 255) @ SRGB @ np.linalg.inv(colorants)
    wide = shown(light) if space == "Display P3" else light.clip(0, 1) ** (1 / ADOBE_GAMMA)
    return (wide * 255).round().astype(np.uint8)
