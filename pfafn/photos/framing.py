"""Where in a photo a network looks: the box that shows a person as training photos show one.

Photos of VITON and VITON-HD have the head at the top and the torso in the middle, and so has the
studio: the networks know no other view. Boxes are in pixels, x to the right and y down.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pfafn.models.parts import Keypoint
from pfafn.photos.fitting import placement, resized
from pfafn.photos.images import WHITE, Pixels

# Of the height and width of a training photo; `python -m benchmarks.framing` measures them.
NECK_DOWN, MIDDLE = 0.33, 0.5
TORSO = 0.43  # from the neck to the middle between the hips
SHOULDERS = 0.67  # from one to the other, of the torso
BROADEST = 0.85  # the same of somebody who does not lean towards the camera
# What nearly all training photos have (98 of 100): as they are.
NECKS_DOWN, MIDDLES, TORSOS = (0.25, 0.41), (0.36, 0.62), (0.32, 0.56)
HIPS = Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP
SHOULDER = Keypoint.RIGHT_SHOULDER, Keypoint.LEFT_SHOULDER


class Frame(NamedTuple):
    """A box in pixels of an upright photo; it may reach out of the photo."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def whole(cls, size: tuple[int, int]) -> Self:
        """All of a photo of this (height, width)."""
        return cls(0, 0, *size)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of a box that lies within its picture."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )


def frame(
    size: tuple[int, int], pose: NDArray[np.floating] | None, model_size: tuple[int, int]
) -> Frame:
    """The box of a photo of `size` that a network of `model_size` is to see; both (height, width).

    pose [18, 3]: x, y in pixels of the photo and a score, 0 for a point that is not seen. The box
    has the aspect of `model_size`. It is the whole photo, which is letterboxed, if there is no pose
    or none whose neck and torso can be told, or if the photo is framed like a training photo.
    """
    body = None if pose is None else _body(size, np.asarray(pose, np.float64))
    if body is None or _framed_already(body, size, model_size):
        return Frame.whole(size)
    height = body.torso / TORSO
    width = height * model_size[1] / model_size[0]
    top, left = body.neck_y - NECK_DOWN * height, body.middle - MIDDLE * width
    return Frame(round(top), round(left), max(1, round(height)), max(1, round(width)))


class Body(NamedTuple):
    """Where somebody stands in a photo, in its pixels."""

    neck_y: float
    middle: float  # x, between neck and hips
    torso: float  # from the neck to the hips


def _body(size: tuple[int, int], pose: NDArray[np.float64]) -> Body | None:
    """None if the pose does not tell it.

    Of somebody who leans towards the camera the shoulders tell how long the torso is.
    """
    points, seen = pose[:, :2], pose[:, 2] > 0
    neck_x, neck_y = points[Keypoint.NECK]
    within = 0 <= neck_x < size[1] and 0 <= neck_y < size[0]
    if not seen[Keypoint.NECK] or not within:
        return None
    hips = [point for point in HIPS if seen[point]]
    both = all(seen[point] for point in SHOULDER)
    broad = float(np.hypot(*np.subtract(*points[list(SHOULDER)]))) if both else 0.0
    if hips:
        x, y = points[hips].mean(axis=0)
        middle, torso = (neck_x + x) / 2, max(np.hypot(x - neck_x, y - neck_y), broad / BROADEST)
    else:
        middle, torso = neck_x, broad / SHOULDERS
    return Body(neck_y, middle, torso) if torso >= 1 else None


def _framed_already(body: Body, size: tuple[int, int], model_size: tuple[int, int]) -> bool:
    """Whether the photo, letterboxed, shows somebody as nearly all training photos do."""
    place = placement(size, model_size)
    down = (body.neck_y * place.scale_y + place.top) / model_size[0]
    across = (body.middle * place.scale_x + place.left) / model_size[1]
    long = body.torso * place.scale_y / model_size[0]
    told = (down, NECKS_DOWN), (across, MIDDLES), (long, TORSOS)
    return all(least <= value <= most for value, (least, most) in told)


def matched(frame: Frame, size: tuple[int, int], shown: tuple[int, int]) -> tuple[Frame, Frame]:
    """The part of a frame inside a photo of `size`, and its place in the picture that shows it."""
    place = placement((frame.height, frame.width), shown)
    rows = _span(frame.top, frame.height, size[0], place.top, place.height)
    columns = _span(frame.left, frame.width, size[1], place.left, place.width)
    source, target = (
        Frame(down.start, across.start, len(down), len(across))
        for down, across in zip(rows, columns, strict=True)
    )
    return source, target


def _span(start: int, length: int, within: int, into: int, shown: int) -> tuple[range, range]:
    """One side of `matched`: pixels of the photo, and pixels of the picture."""
    first, last = max(0, start), min(within, start + length)
    near, far = (into + round((edge - start) * shown / length) for edge in (first, last))
    near = min(near, into + shown - 1)
    return range(first, last), range(near, max(far, near + 1))


def show(rgb: Pixels, frame: Frame, size: tuple[int, int]) -> Pixels:
    """What of a photo [H, W, 3] is in its frame, letterboxed into `size` as fit() does.

    White where the frame reaches out of the photo. The whole photo is itself if it has the size.
    """
    if rgb.shape[:2] == size and frame == Frame.whole(size):
        return rgb
    source, target = matched(frame, rgb.shape[:2], size)
    small = resized(rgb[source.slices], (target.height, target.width), interpolation="smooth")
    if small.shape[:2] == size:
        return small
    canvas = np.full((*size, 3), WHITE, np.uint8)
    canvas[target.slices] = small
    return canvas
