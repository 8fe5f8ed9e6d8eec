"""Probes: places between a person's keypoints, and the parts of the parsing map under them."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.annotations.parsing import Ids
from pfafn.models.parts import ARMS, FACE, REGIONS, Category, Parsing
from pfafn.models.parts import Keypoint as K

Floats = NDArray[np.float64]

REACH = 0.02  # of the height, by which a point may lie beside its part

CLOTHES = (Parsing.UPPER_CLOTHES, Parsing.DRESS, Parsing.JUMPSUIT)
TROUSERS = (*CLOTHES, Parsing.LOWER_CLOTHES)
HEAD = (K.NOSE, K.RIGHT_EYE, K.LEFT_EYE, K.RIGHT_EAR, K.LEFT_EAR)
TORSO = (K.RIGHT_SHOULDER, K.RIGHT_HIP, K.LEFT_SHOULDER, K.LEFT_HIP)
JOINTS = (K.RIGHT_ELBOW, K.RIGHT_WRIST, K.LEFT_ELBOW, K.LEFT_WRIST)


class _Probes(NamedTuple):
    weights: Floats  # [N, 18], of the points in whose middle a probe is
    sets: tuple[tuple[Parsing, ...], ...]  # of classes
    which: NDArray[np.intp]  # [N], the set on which a probe should lie


@cache
def _probes(category: Category) -> _Probes:
    worn = TROUSERS if category is Category.LOWER else REGIONS[category].clothes
    listed: list[tuple[tuple[K, ...], tuple[Parsing, ...]]] = [((point,), FACE) for point in HEAD]
    listed += [(HEAD[:3], (Parsing.FACE,)), (TORSO, worn), (TORSO[:2], worn), (TORSO[2:], worn)]
    for side in ("RIGHT", "LEFT"):
        arm, leg, shoe = (Parsing[f"{side}_{part}"] for part in ("ARM", "LEG", "SHOE"))
        parts = {
            "SHOULDER": (*CLOTHES, *ARMS, Parsing.HAIR),
            "ELBOW": (*TROUSERS, arm),
            "WRIST": (*TROUSERS, arm),
            "HIP": (*TROUSERS, *ARMS, Parsing.RIGHT_LEG, Parsing.LEFT_LEG),
            "KNEE": (*TROUSERS, leg),
            "ANKLE": (*TROUSERS, leg, Parsing.SOCKS, shoe),
        }
        listed += [((K[f"{side}_{joint}"],), classes) for joint, classes in parts.items()]
    sets = tuple(dict.fromkeys(classes for _, classes in listed))
    weights = np.zeros((len(listed), len(K)))
    for row, (points, _) in zip(weights, listed, strict=True):
        row[list(points)] = 1 / len(points)
    return _Probes(weights, sets, np.array([sets.index(classes) for _, classes in listed]))


class Ground:
    """A parsing map to lay keypoints on.

    parsing: uint8 [H, W], 14 classes. Points are float [R, 18, 2], R readings of one person in
    pixels of the map; NaN where missing.
    """

    def __init__(self, parsing: Ids, category: Category) -> None:
        self.parsing, self.category = parsing, category
        self.probes = _probes(category)
        self.parts = self._around(self.probes.sets)
        self.face, self.clothes = self._middle((Parsing.FACE,)), self._middle(CLOTHES)

    def fits(self, points: Floats) -> Floats:
        """Share of the probes [R] that lie on their part; NaN where there are none."""
        weights = self.probes.weights
        known = (~np.isnan(points[..., 0])) @ weights.T > 1 - 1e-6
        places = np.einsum("nk,rkd->rnd", weights, np.nan_to_num(points))
        places = np.where(known[..., None], places, np.nan)
        return mean(self._hits(self.parts, self.probes.which, places))

    def heads(self, points: Floats) -> Floats:
        """From the face's middle to that of the head's points: [R, 2], shares of width, height.

        NaN where no such point is known; 1 where the nose is known but the map has no face.
        """
        heads = self._offsets(points, HEAD, self.face)
        faceless = ~np.isnan(points[:, K.NOSE]) & np.isnan(self.face)
        return np.where(faceless, 1.0, heads)

    def torsos(self, points: Floats) -> Floats:
        """From the middle of the clothes to that of shoulders and hips, as `heads`."""
        return self._offsets(points, TORSO, self.clothes)

    def _offsets(self, points: Floats, which: Sequence[K], target: Floats) -> Floats:
        middles = np.stack([mean(points[:, list(which), axis]) for axis in (0, 1)], axis=1)
        return (middles - target) / self.parsing.shape[::-1]

    def _middle(self, classes: Sequence[Parsing]) -> Floats:
        ys, xs = np.nonzero(np.isin(self.parsing, classes))
        return np.array([xs.mean(), ys.mean()] if len(xs) else [np.nan, np.nan])

    def arms(self, points: Floats) -> tuple[int, int]:
        """How many elbows and wrists of the first reading lie on their arm, on the other one."""
        arms = self._around(((Parsing.RIGHT_ARM,), (Parsing.LEFT_ARM,)))
        side = np.array([0, 0, 1, 1])
        joints = points[:1, JOINTS]
        own, other = self._hits(arms, side, joints) == 1, self._hits(arms, 1 - side, joints) == 1
        return int(own.sum()), int((other & ~own).sum())

    def _around(self, sets: Sequence[Sequence[Parsing]]) -> NDArray[np.uint8]:
        """Where a point of each set of classes may lie: [H, W, sets]."""
        members = np.zeros((len(Parsing), len(sets)), np.uint8)
        for column, classes in enumerate(sets):
            members[list(classes), column] = 1
        reach = 2 * max(1, round(REACH * len(self.parsing))) + 1
        return cv2.dilate(members[self.parsing], np.ones((reach, reach), np.uint8))

    def _hits(self, parts: NDArray[np.uint8], which: NDArray[np.intp], places: Floats) -> Floats:
        """Whether places [R, N, 2] lie on parts [H, W, which]: 0 or 1 [R, N]; NaN where missing."""
        height, width = self.parsing.shape
        x, y = np.rint(np.nan_to_num(places, nan=-1).clip(-1, 1e6)).astype(int).transpose(2, 0, 1)
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        hits = parts[y.clip(0, height - 1), x.clip(0, width - 1), which] * inside
        return np.where(np.isnan(places[..., 0]), np.nan, hits)


def mean(values: Floats) -> Floats:
    """The mean over the last axis of what is not NaN; NaN where all are."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    return np.where(count > 0, np.where(known, values, 0).sum(axis=-1) / count.clip(1), np.nan)


def median(values: Sequence[float]) -> float:
    """The median of what is not NaN; NaN where all are."""
    known = [value for value in values if value == value]
    return float(np.median(known)) if known else float("nan")
