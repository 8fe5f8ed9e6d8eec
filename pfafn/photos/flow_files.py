"""Files of true flows, as the synthetic studio draws them.

A flow file is a 16-bit RGB PNG: R = x * 64 + 32768, G = y * 64 + 32768, B = 1 where the garment is
visible (elsewhere all three are 0). (x, y) is the source position in the flat garment picture minus
the output pixel's position, in pixels; pixel centres are integers.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.photos.fitting import placement
from pfafn.photos.images import ImageError, encode_png

FLOW_STEPS = 64  # per pixel
FLOW_ZERO = 32768


def decode_flow(content: bytes, name: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Flow float32 [H, W, 2] (x, y) in pixels and where it is known, bool [H, W].

    Raises ImageError naming the file if it is no 16-bit RGB picture.
    """
    raw = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    if raw is None or raw.dtype != np.uint16 or raw.ndim != 3 or raw.shape[2] != 3:
        raise ImageError(f"{name}: expected a 16-bit RGB flow picture")
    rgb = raw[..., ::-1].astype(np.float32)  # OpenCV is BGR
    known = rgb[..., 2] > 0
    flow = (rgb[..., :2] - FLOW_ZERO) / FLOW_STEPS
    return np.where(known[..., None], flow, 0), known


def flow_pixels(flow: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """The file's pixels [H, W, 3] for a flow [H, W, 2] that is known where `known` [H, W] is."""
    steps = np.round(flow * FLOW_STEPS + FLOW_ZERO).clip(0, 65535)
    return (np.dstack([steps, np.ones(known.shape)]) * known[..., None]).astype(np.uint16)


def encode_flow(flow: NDArray[np.float32], known: NDArray[np.bool_]) -> bytes:
    """PNG bytes of flow_pixels."""
    return encode_png(flow_pixels(flow, known))


def fit_flow(content: bytes, garment: tuple[int, int], size: tuple[int, int], name: str) -> bytes:
    """A flow file's bytes for pictures fitted to size = (height, width).

    garment: (height, width) of the flat garment picture the flow points into. Bytes of a flow that
    already fits are returned as they are.
    """
    flow, known = decode_flow(content, name)
    source: tuple[int, int] = flow.shape[:2]  # type: ignore[assignment]
    if source == size == garment:
        return content
    place, garment_place = placement(source, size), placement(garment, size)
    ys, xs = np.mgrid[: size[0], : size[1]].astype(np.float32)
    x = (xs - place.left + 0.5) / place.scale_x - 0.5
    y = (ys - place.top + 0.5) / place.scale_y - 0.5
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = (row >= 0) & (row < source[0]) & (column >= 0) & (column < source[1])
    row, column = row.clip(0, source[0] - 1), column.clip(0, source[1] - 1)
    target: NDArray[Any] = flow[row, column] + np.stack([x, y], axis=-1)
    target = (target + 0.5) * (garment_place.scale_x, garment_place.scale_y) - 0.5
    target += (garment_place.left, garment_place.top)
    return encode_flow(target - np.stack([xs, ys], axis=-1), inside & known[row, column])
