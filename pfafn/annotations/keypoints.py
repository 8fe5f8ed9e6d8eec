"""Keypoint files of the public data sets, read into one form: float32 [18, 3], `Keypoint` order."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pfafn.kit.errors import UserError
from pfafn.models.parts import Keypoint

Points = NDArray[np.float32]

# OpenPose's BODY_25 model has the 18 points in the same order. It adds the middle of the hips, in
# row 8, and behind them the feet.
BODY_25_ROWS = [*range(8), *range(9, 19)]
BODY_25_COUNT = 25
PEOPLE_KEYS = ("pose_keypoints_2d", "pose_keypoints")
MARGIN = 0.05  # of the picture's side by which a point may lie outside


class KeypointError(UserError, ValueError):
    """A keypoint file cannot be used; the message says what is wrong."""


def read_keypoints(
    content: bytes,
    size: tuple[int, int],
    drawn_in: tuple[int, int] | None = None,
    person: NDArray[Any] | None = None,
) -> Points:
    """Keypoints float32 [18, 3] (x, y in pixels of the picture, score) of a JSON file's bytes.

    size: (height, width) of the picture; drawn_in: that of the frame the file counts in, if it is
    another one; person: [H, W], not zero on the person who is meant where the file has several.
    OpenPose files (18 or 25 points, x, y, score) and DressCode's (`keypoints`, 18 rows) are
    understood; the number of points decides. Missing points become 0, 0, 0.

    Raises KeypointError if there is no person, another number of points, something that is no
    finite number, a point outside the picture or no point at all.
    """
    everybody = people(content)
    return placed(everybody[who(everybody, size, drawn_in, person)], size, drawn_in)


def people(content: bytes) -> list[Points]:
    """Everybody in a keypoint file, float32 [18, 3] each, in the file's own numbers.

    Raises KeypointError as `read_keypoints` does, but for where the points are.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise KeypointError(f"not JSON: {error}") from error
    everybody = [_eighteen(rows) for rows in _rows(document)]
    if not all(np.isfinite(points).all() for points in everybody):
        raise KeypointError("a coordinate is not a finite number")
    return everybody


def who(
    everybody: list[Points],
    size: tuple[int, int],
    drawn_in: tuple[int, int] | None,
    person: NDArray[Any] | None,
) -> int:
    """Who of `people` has the most points on `person`; the first where that does not tell."""
    if person is None or len(everybody) == 1:
        return 0
    height, width = size
    on = []
    for points in everybody:
        x, y = np.rint(_scaled(points, size, drawn_in)[:, :2].clip(-1, 1e6)).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height) & ((x > 0) | (y > 0))
        on.append(np.count_nonzero(person[y[inside], x[inside]]))
    return int(np.argmax(on))


def placed(points: Points, size: tuple[int, int], drawn_in: tuple[int, int] | None) -> Points:
    """One of `people` in pixels of the picture; raises KeypointError for a point outside."""
    points = _scaled(points, size, drawn_in)
    points[(points[:, :2] <= 0).all(axis=1)] = 0
    _check_range(points, size)
    return points


def _scaled(points: Points, size: tuple[int, int], drawn_in: tuple[int, int] | None) -> Points:
    height, width = drawn_in or size
    return points * np.array([size[1] / width, size[0] / height, 1], np.float32)


def _rows(document: Any) -> Iterator[Points]:
    """The numbers of each person, one row of x, y, score per point."""
    if not isinstance(document, Mapping):
        raise KeypointError(f"expected an object, found {type(document).__name__}")
    if "keypoints" in document:
        yield _numbers(document["keypoints"], 4)
        return
    people = document.get("people")
    if not isinstance(people, list) or not people:
        raise KeypointError("no people")
    for person in people:
        if not isinstance(person, Mapping):
            raise KeypointError(f"expected a person, found {person!r:.40}")
        key = next((key for key in PEOPLE_KEYS if key in person), None)
        if key is None:
            raise KeypointError(f"expected one of {PEOPLE_KEYS}, found {sorted(person)[:6]}")
        yield _numbers(person[key], 3)


def _numbers(values: Any, width: int) -> Points:
    try:
        flat = np.asarray(values)
        if flat.dtype.kind not in "iuf":
            raise KeypointError("a coordinate is not a number")
        with np.errstate(over="ignore"):  # becomes infinite, which is refused later
            return flat.astype(np.float32).reshape(-1, width)[:, :3].copy()
    except ValueError as error:
        if isinstance(error, KeypointError):
            raise
        raise KeypointError(f"expected rows of {width} numbers: {error}") from error


def _eighteen(points: Points) -> Points:
    if len(points) == len(Keypoint):
        return points
    if len(points) == BODY_25_COUNT:
        return points[BODY_25_ROWS]
    raise KeypointError(f"expected {len(Keypoint)} or {BODY_25_COUNT} points, found {len(points)}")


def _check_range(points: Points, size: tuple[int, int]) -> None:
    height, width = size
    if not points[:, :2].any():
        raise KeypointError("no point was found on the person")
    limits = np.array([width, height])
    outside = (points[:, :2] < -MARGIN * limits) | (points[:, :2] > (1 + MARGIN) * limits)
    if outside.any():
        which = int(np.flatnonzero(outside.any(axis=1))[0])
        x, y = points[which, :2]
        raise KeypointError(
            f"{Keypoint(which).name} at ({x:.0f}, {y:.0f}) is outside the {width}x{height} picture"
        )
