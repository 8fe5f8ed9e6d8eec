"""A try-on back in the photo it was made of: what did not change is the photo's own, to the bit.

A generator draws the whole picture anew, a little softer than it was. So of its picture only that
is taken which the garment changed; the rest stays as the photo has it, at the photo's resolution
and in its own colours.
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pfafn.photos.colours import in_space
from pfafn.photos.entrance import PersonPhoto
from pfafn.photos.framing import Frame, matched
from pfafn.photos.images import Kind, Pixels, encode_shown

# All in pixels of the network's picture, shades of 255. `python -m benchmarks.pasting` measures
# what the rule keeps and takes where the truth is known.
BLUR = 2.0  # a softer edge is as bright as before within this distance
LEAST = 20.0  # shades: less is no change, however faithful the generator
NOISES = 6.0  # how many times its usual noise a change is
FAR = 9  # from the garment: what lies there shows the noise
GROWN = 3  # a change takes one pixel more on each side
SOFT = 0.7  # of its edge
HARDLY, RATHER = 26, 128  # of 255: how much of a pixel a network that says it calls new
TAPER = 4  # how far a frame's edge within the photo reaches
SOLID = 128
ALL = 255  # of a pixel is taken
STRIP = 2**20  # pixels that are blended at a time: memory does not grow with the photo


def changed(before: Pixels, after: Pixels, garment: Pixels) -> Pixels:
    """How much of each pixel of a try-on is taken: uint8 [H, W], 0 where nothing changed.

    before, after [H, W, 3]: what the network saw and drew; garment [H, W]: 255 where the try-on
    shows the new garment. Changed is the garment, and what hangs together with it and differs from
    the photo by more than the generator's noise. The noise is how far it usually is from the photo
    away from the garment, both without their finest detail: softened edges are no change. If the
    garment is nowhere to be seen nobody can tell what it changed, and all is taken.
    """
    solid = garment >= SOLID
    if not solid.any():
        return np.full(garment.shape, ALL, np.uint8)
    blurred = cv2.GaussianBlur(after.astype(np.float32) - before, (0, 0), BLUR)
    differs = np.abs(blurred).max(axis=-1)
    away = cv2.dilate(solid.astype(np.uint8), np.ones((FAR, FAR), np.uint8)) == 0
    noise = float(np.median(differs[away])) if away.any() else 0.0
    taken = solid | (differs > max(LEAST, NOISES * noise))
    _, pieces = cv2.connectedComponents(taken.astype(np.uint8))
    taken = np.isin(pieces, np.unique(pieces[solid]))
    grown = cv2.dilate(np.where(taken, ALL, 0).astype(np.uint8), np.ones((GROWN, GROWN), np.uint8))
    return cv2.GaussianBlur(grown, (0, 0), SOFT)


def new(share: Pixels) -> Pixels:
    """How much of each pixel of a try-on is taken whose network says what is not the photo.

    share, and the result: uint8 [H, W], of 255. Nothing where it hardly says so, and all where it
    rather does: what it mixes there is the photo at the network's own size.
    """
    return (
        ((share.astype(np.float32) - HARDLY) * (ALL / (RATHER - HARDLY)))
        .clip(0, ALL)
        .astype(np.uint8)
    )


def pasted(
    rgb: Pixels,
    picture: Pixels,
    share: Pixels,
    frame: Frame,
    over: Callable[[Pixels, slice, slice], Pixels] | None = None,
) -> Pixels:
    """A photo [H, W, 3] with the picture [h, w, 3] that a network has drawn of its frame in it.

    share [h, w]: how much of each of its pixels is taken; where that is 0 the photo stays to the
    bit. Along edges of the frame that lie within the photo it fades out. over(part, rows, columns)
    puts above a part of the enlarged picture what is known at the photo's own resolution.
    """
    worn = rgb.copy()
    source, target = matched(frame, rgb.shape[:2], share.shape)
    share = _tapered(share[target.slices], source, rgb.shape[:2])
    drawn = Image.fromarray(np.ascontiguousarray(picture[target.slices])), Image.fromarray(share)
    for rows, columns in _touched(share, source):
        box = [
            (edge - start) * shown / length
            for edge, start, shown, length in (
                (columns.start, source.left, target.width, source.width),
                (rows.start, source.top, target.height, source.height),
                (columns.stop, source.left, target.width, source.width),
                (rows.stop, source.top, target.height, source.height),
            )
        ]
        size = columns.stop - columns.start, rows.stop - rows.start
        new = np.asarray(drawn[0].resize(size, Image.Resampling.BICUBIC, box))
        part = np.asarray(drawn[1].resize(size, Image.Resampling.BILINEAR, box))
        if over:
            new = over(new, rows, columns)
        weight = part.astype(np.float32) / ALL
        worn[rows, columns] = cv2.blendLinear(worn[rows, columns], new, 1 - weight, weight)
    return worn


def encoded(photo: PersonPhoto, worn: Pixels, kind: Kind) -> bytes:
    """PNG or JPEG bytes of a try-on, sRGB [H, W, 3], in the colours of its photo's own profile.

    In a PNG the pixels that are the photo's in sRGB are its own ones, to the bit.
    """
    own = photo.own
    if own is None or worn.shape != own.rgb.shape:
        return encode_shown(worn, kind)
    if own.rgb is photo.rgb:
        return encode_shown(worn, kind, own.profile)
    result = own.rgb.copy()
    for rows in _strips(range(len(worn)), worn.shape[1]):
        new = (worn[rows] != photo.rgb[rows]).any(axis=-1)
        if new.any():
            result[rows][new] = in_space(worn[rows], own.profile)[new]
    return encode_shown(result, kind, own.profile)


def _tapered(share: Pixels, source: Frame, size: tuple[int, int]) -> Pixels:
    """The share of a part of the photo, fading out along its edges that are not the photo's."""
    ramps = []
    for start, length, within, shown in (
        (source.top, source.height, size[0], share.shape[0]),
        (source.left, source.width, size[1], share.shape[1]),
    ):
        steps = np.arange(shown) / TAPER
        near = steps if start > 0 else 1.0
        far = steps[::-1] if start + length < within else 1.0
        ramps.append(np.minimum(1.0, np.minimum(near, far)) * np.ones(shown))
    return (share * np.outer(*ramps)).astype(np.uint8)


def _touched(share: Pixels, source: Frame) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the photo in which some of its share is not 0, strip by strip."""
    (top, bottom), (left, right) = (
        _reach(share.any(axis=1 - axis), start, length)
        for axis, (start, length) in enumerate(
            ((source.top, source.height), (source.left, source.width))
        )
    )
    for rows in _strips(range(top, bottom), right - left):
        yield rows, slice(left, right)


def _reach(some: NDArray[np.bool_], start: int, length: int) -> tuple[int, int]:
    """From where to where pixels of the photo are made of some of the picture's; equal if none."""
    at = np.flatnonzero(some)
    if not len(at):
        return start, start
    scale = length / len(some)
    first, last = int((at[0] - 1) * scale), int(np.ceil((at[-1] + 2) * scale))
    return start + max(0, first), start + min(length, last)


def _strips(rows: range, width: int) -> Iterator[slice]:
    step = max(1, STRIP // max(1, width))
    return (slice(top, min(top + step, rows.stop)) for top in rows[::step])
