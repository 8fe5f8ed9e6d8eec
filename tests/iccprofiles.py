"""More colour profiles, and pictures that carry one."""

import struct
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.icc import fixed, gamma, icc

INKS = 4


def gray(value: float) -> bytes:
    """A profile of gray with a gamma."""
    return icc(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": gamma(value)})


def ink(paper: tuple[int, int, int], cyan: tuple[int, int, int]) -> bytes:
    """A profile of four inks: where there is no cyan the one L*a*b*, where it is full the other."""
    corners = [cyan if n >> (INKS - 1) else paper for n in range(2**INKS)]
    lab = bytes(v for li, a, b in corners for v in (round(li * 2.55), a + 128, b + 128))
    head = struct.pack(">BBBx", INKS, 3, 2) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    straight = bytes(range(256))
    table = b"mft1" + bytes(4) + head + INKS * straight + lab + 3 * straight
    return icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def encoded(image: NDArray[np.uint8] | Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()
