"""How good estimated annotations are, beside those that somebody made."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pfafn.estimators.parser import PhotoParser
from pfafn.kit.progress import Progress
from pfafn.models.parts import Keypoint, Parsing
from pfafn.photos.tensors import to_pixels
from pfafn.samples.sample import TestSample

NEAR = 0.1  # of the torso's length, within which a point counts as found: PCK@0.1
HIPS = [Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP]
SHOULDERS = [Keypoint.RIGHT_SHOULDER, Keypoint.LEFT_SHOULDER]
TORSO = 1.45  # of the distance of the shoulders, where the hips cannot be seen

Ids = NDArray[np.uint8]
Points = NDArray[np.float32]


class Scores:
    """Counts over many people; add() each, then ask."""

    def __init__(self) -> None:
        classes, points = len(Parsing), len(Keypoint)
        self.pixels = np.zeros((classes, classes), np.int64)  # [true, estimated]
        self.told = np.zeros(points, np.int64)  # points that the annotations have
        self.found = np.zeros(points, np.int64)  # of them, those estimated near enough
        self.absent = np.zeros(points, np.int64)  # points that the annotations do not have
        self.invented = np.zeros(points, np.int64)  # of them, those estimated all the same

    def add(self, truth: tuple[Ids, Points], seen: tuple[Ids, Points]) -> None:
        """parsing [H, W] and keypoints [18, 3] of one person, 0, 0, 0 if missing."""
        (true_ids, true_points), (ids, points) = truth, seen
        both = true_ids.astype(np.int64) * len(Parsing) + ids
        self.pixels += np.bincount(both.ravel(), minlength=self.pixels.size).reshape(
            self.pixels.shape
        )
        there, given = (p[:, :2].any(axis=1) for p in (true_points, points))
        self.absent += ~there
        self.invented += ~there & given
        reach = NEAR * torso(true_points)
        if np.isfinite(reach):
            self.told += there
            away = np.linalg.norm(true_points[:, :2] - points[:, :2], axis=1)
            self.found += there & given & (away <= reach)

    def iou(self, *classes: Parsing) -> float:
        """Intersection over union of some classes taken together; NaN where nobody has them."""
        chosen = list(classes)
        inside = self.pixels[np.ix_(chosen, chosen)].sum()
        union = self.pixels[chosen].sum() + self.pixels[:, chosen].sum() - inside
        return float(inside / union) if union else float("nan")

    def pck(self, points: Iterable[Keypoint] = Keypoint) -> float:
        """Share of the points that are found; NaN where there are none."""
        chosen = list(points)
        told = self.told[chosen].sum()
        return float(self.found[chosen].sum() / told) if told else float("nan")

    def summary(self) -> dict[str, float]:
        """IoU of every class that somebody has, PCK@0.1, and the share of points invented."""
        told = {f"iou.{part.name.lower()}": self.iou(part) for part in Parsing}
        told["pck"] = self.pck()
        absent = self.absent.sum()
        told["invented"] = float(self.invented.sum() / absent) if absent else float("nan")
        return {name: round(value, 4) for name, value in told.items() if value == value}


def torso(points: Points) -> float:
    """From the neck to the middle of the hips that there are, in pixels.

    Without hips it is told by the shoulders; NaN without either.
    """
    there = points[:, :2].any(axis=1)
    hips = points[HIPS, :2][there[HIPS]]
    if there[Keypoint.NECK] and len(hips):
        return float(np.linalg.norm(points[Keypoint.NECK, :2] - hips.mean(axis=0)))
    if there[SHOULDERS].all():
        right, left = points[SHOULDERS, :2]
        return TORSO * float(np.linalg.norm(right - left))
    return float("nan")


def judge(parser: PhotoParser, persons: Sequence[TestSample]) -> Scores:
    """How the parser does on annotated people."""
    scores = Scores()
    with Progress("judge", len(persons), unit="persons") as progress:
        for index in range(len(persons)):  # a data set has no end of its own
            one = persons[index]
            truth = one.annotation.parsing.numpy(), one.annotation.keypoints.numpy()
            scores.add(truth, parser.see(to_pixels(one.person[None])[0]))
            progress.advance()
    return scores
