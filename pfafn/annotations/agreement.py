"""How well a person's keypoints, parsing map and photo agree, and how else they would.

Nothing is learnt: points should lie on their parts, the head's points in the middle of the face,
and the photo's edges where classes of the map meet, not where they meet in its mirror image. What
does not agree is read again in the ways that are known to happen: at another scale, shifted,
mirrored, by another scheme's class ids.
"""

from contextlib import suppress
from typing import NamedTuple

import cv2
import numpy as np

from pfafn.annotations.keypoints import Points
from pfafn.annotations.parsing import SCHEMES, Ids, ParsingError, Table, canonical
from pfafn.annotations.probes import Floats, Ground
from pfafn.models.parts import REGIONS, Category, Keypoint

Size = tuple[int, int]

ROWS = 256  # a larger picture is measured at this height
DOUBT = 0.85, 0.04  # fit and offset from which other readings are tried
BETTER = 0.03  # by which another reading must agree better
EXPLAINS = 0.6  # from which another reading explains what is wrong

# Row of a point's fellow on the other side.
OTHER_SIDE = np.arange(len(Keypoint))
for _point in Keypoint:
    if "RIGHT" in _point.name:
        _left = Keypoint[_point.name.replace("RIGHT", "LEFT")]
        OTHER_SIDE[[_point, _left]] = _left, _point
SCALES = tuple(float(s) for s in np.geomspace(0.25, 4, 65) if abs(s - 1) > 0.03)


class Reading(NamedTuple):
    """Another way to read keypoints or parsing map, with its numbers if it has some.

    kind: of keypoints "scale" (x is the factor), "shift" (x, y are shares of width and height),
    "unit" (in [0, 1]), "signed" (in [-1, 1]), "axes" (x and y exchanged); of either "mirror" and
    "sides" (left and right exchanged); of parsing maps a scheme's name.
    """

    kind: str
    x: float = 0.0
    y: float = 0.0


MIRROR = Reading("mirror")


class Agreement(NamedTuple):
    """What was measured of one person; NaN where there is nothing to measure it by."""

    fit: float = np.nan  # share of the probes that lie on their part
    x: float = np.nan  # from the face's middle to the head's points, share of the width
    y: float = np.nan  # the same downwards, share of the height
    own: int = 0  # elbows and wrists that lie on their arm
    other: int = 0  # and on the other arm instead
    clothes: float = np.nan  # the category's clothes, share of the person
    edges: float = np.nan  # of the photo under the map, in units of those under its mirror image
    mirror: float = np.nan  # how much better keypoints and map agree if one of them is mirrored
    better: Reading | None = None  # in which keypoints and parsing map would agree


def agreement(
    ids: Ids, table: Table, points: Points | None, frame: Size, rgb: Ids, category: Category
) -> Agreement:
    """Measure one person.

    ids: parsing map uint8 [H, W] as its file has it, table: what the ids mean. points: [18, 2 or
    more] as their file has them, in a picture of frame = (height, width), (0, 0) if missing; None
    if there are none. rgb: the photo, uint8 [H, W, 3]. An id that the table does not have counts as
    background.
    """
    size = ids.shape[:2]
    if size[0] > ROWS:
        size = (ROWS, max(1, round(size[1] * ROWS / size[0])))
        ids = cv2.resize(ids, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        rgb = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)
    parsing = canonical(ids, table, strict=False)
    person = np.count_nonzero(parsing)
    clothes = np.isin(parsing, REGIONS[category].clothes).sum() / max(1, person)
    found = Agreement(clothes=float(clothes), edges=_edges(ids, rgb))
    return found if points is None else _laid(found, points, frame, ids, Ground(parsing, category))


def _laid(found: Agreement, points: Points, frame: Size, ids: Ids, ground: Ground) -> Agreement:
    """Keypoints laid on the parsing map; where they do not agree, in all other readings too."""
    readings, placed = _readings(points, ids.shape, frame, ground)
    scores = _scores(ground, placed)
    own, other = ground.arms(placed)
    x, y = ground.heads(placed[:1])[0].tolist()
    fit = float(ground.fits(placed[:1])[0])
    mirror = float(scores[readings.index(MIRROR)] - scores[0])
    found = found._replace(fit=fit, x=x, y=y, own=own, other=other, mirror=mirror)
    if fit >= DOUBT[0] and max(abs(x), abs(y)) <= DOUBT[1] and other <= own and mirror <= BETTER:
        return found
    for scheme, table in SCHEMES.items():
        with suppress(ParsingError):
            read = Ground(canonical(ids, table), ground.category)
            scores = np.append(scores, _scores(read, placed[:1]))
            readings.append(Reading(scheme))
    best = int(np.nan_to_num(scores, nan=-np.inf).argmax())
    clear = scores[best] >= EXPLAINS and not scores[best] < scores[0] + BETTER
    return found._replace(better=readings[best]) if best and clear else found


def _scores(ground: Ground, placed: Floats) -> Floats:
    """How well each reading [R] agrees: its fit, less what head and torso lie beside."""
    head = np.abs(ground.heads(placed)).max(axis=1)
    torso = np.abs(ground.torsos(placed)).max(axis=1)
    return ground.fits(placed) - np.nan_to_num(head) - np.nan_to_num(torso) / 2


def _readings(raw: Points, size: Size, frame: Size, ground: Ground) -> tuple[list[Reading], Floats]:
    """The points as they are meant, then in all other readings: [R, 18, 2] in pixels of size."""
    raw = raw[:, :2].astype(float)
    raw[(raw == 0).all(axis=1)] = np.nan
    extent = np.array(size[::-1], float)
    meant = (raw + 0.5) * extent / frame[::-1] - 0.5
    meant[(meant <= 0).all(axis=1)] = np.nan
    mirror = meant * [-1, 1] + [extent[0] - 1, 0]
    shift = ground.heads(meant[None])[0]
    placed = {
        Reading("meant"): meant,
        Reading("unit"): raw * extent,
        Reading("signed"): (raw + 1) / 2 * extent,
        Reading("axes"): raw[:, ::-1] * extent / frame[::-1],
        MIRROR: mirror[OTHER_SIDE],
        Reading("mirror", 1): mirror,
        Reading("sides"): meant[OTHER_SIDE],
        Reading("shift", *shift.tolist()): meant - shift * extent,
        **{Reading("scale", scale): meant / scale for scale in SCALES},
    }
    return list(placed), np.stack(list(placed.values()))


def _edges(ids: Ids, rgb: Ids) -> float:
    """The photo's edges where classes meet, in units of those where they meet in the mirror."""
    gray = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1).astype(np.float32)
    strength = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    meet = np.zeros(ids.shape, bool)
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        differ = ids[here] != ids[there]
        meet[here] |= differ
        meet[there] |= differ
    mirrored = float(strength[meet[:, ::-1]].sum())
    return float(strength[meet].sum()) / mirrored if mirrored else np.nan
