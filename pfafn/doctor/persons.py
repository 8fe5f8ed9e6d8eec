"""What a photo of a person is: whether there is one, alone, upright, near enough and in view."""

from typing import TYPE_CHECKING, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.doctor.findings import Finding, Severity, found, refused, worst_first
from pfafn.doctor.pictures import LOOKED_AT, SMALLEST, looked_at, of_picture
from pfafn.models.parts import Keypoint
from pfafn.photos.entrance import PersonPhoto
from pfafn.photos.fitting import shrunk
from pfafn.photos.images import Pixels

if TYPE_CHECKING:  # it brings torch
    from pfafn.estimators.people import People

Points = NDArray[np.float32]

# Sum of the points' scores: of VITON's and the studio's 248 people at least 7.6, of their garments
# nobody is in at most 7.1, of most under 5.
NOBODY, SOMEBODY = 1.5, 7.3
OTHERS = 0.2  # of a person's area; of one alone nothing is beside him, of two at least 0.6
AROUND = 0.5  # of the torso's length, beside the outermost points
# The torso from neck to hips, of the height of a picture of the networks' aspect around the photo:
# on VITON 0.28 to 0.60, in the studio 0.34 to 0.48.
FAR, NEAR = 0.22, 0.68
LYING = 45.0  # degrees by which the torso leans; on VITON at most 12.5
BUSY = 2.0  # shades per pixel of LOOKED_AT: on VITON at most 0.4, in the studio 1.0
ASPECT = 4 / 3  # height per width of the networks' pictures
PERSON = 0.5  # of a mask in 0..1
FACE = [Keypoint.NOSE, Keypoint.RIGHT_EYE, Keypoint.LEFT_EYE, Keypoint.RIGHT_EAR, Keypoint.LEFT_EAR]
HIPS = [Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP]


class Seen(NamedTuple):
    """What somebody who looks for people sees in a photo, at the scale at which it is judged."""

    points: Points  # [18, 3]
    mask: NDArray[np.bool_]  # [H, W]

    @classmethod
    def by(cls, people: "People", rgb: Pixels) -> Self:
        small = shrunk(rgb, 2 * LOOKED_AT)
        points, mask = people.pose(small), people.mask(small) > PERSON
        scale = shrunk(rgb, LOOKED_AT).shape[0] / small.shape[0]
        height, width = (round(side * scale) for side in mask.shape)
        mask = cv2.resize(mask.astype(np.uint8), (width, height)) > 0
        return cls(points * np.array([scale, scale, 1], np.float32), mask)

    @property
    def score(self) -> float:
        """How surely somebody is there."""
        return float(self.points[:, 2].sum())

    @property
    def torso(self) -> NDArray[np.float32] | None:
        """From the neck to the middle of the hips: x, y; None if one of them is not seen."""
        hips = self.points[HIPS]
        hips = hips[hips[:, 2] > 0, :2]
        if not (len(hips) and self.points[Keypoint.NECK, 2] > 0):
            return None
        return hips.mean(axis=0) - self.points[Keypoint.NECK, :2]


def of_person(
    photo: PersonPhoto, people: "People | None" = None, size: tuple[int, int] = SMALLEST
) -> list[Finding]:
    """What is found of a person's photo, the worst first.

    people: who looks for people; None: that is not known. size: (height, width) of the model.
    """
    findings = of_picture(photo, size)
    if refused(findings):
        return worst_first(findings)
    if photo.lost:
        findings.append(found("not_kept", Severity.NOTE, photo.lost))
    if people is None:
        text = "whether a person is in it is not known: no estimator is installed"
        return worst_first([*findings, found("person_unknown", Severity.NOTE, text)])
    return worst_first([*findings, *of_people(photo.rgb, people)])


def of_people(rgb: Pixels, people: "People") -> list[Finding]:
    """What is found of the people in a photo [H, W, 3]."""
    seen = Seen.by(people, rgb)
    if seen.score < SOMEBODY and (turns := turned(rgb, people)):
        text = f"the person does not stand: turned by {turns} degrees there is one"
        return [found("lying", Severity.WARN, text, turns, LYING)]
    if seen.score < NOBODY:
        text = "nobody is seen in it"
        return [found("nobody", Severity.REFUSE, text, seen.score, NOBODY)]
    findings = []
    for name, points, words in (("no_head", FACE, "head"), ("no_hips", HIPS, "hips")):
        if not (known := int((seen.points[points, 2] > 0).sum())):
            text = f"the person's {words} cannot be seen"
            findings.append(found(name, Severity.WARN, text, known, 1))
    if seen.torso is None:  # of half a person it is hardly known what else is there
        return findings
    if (others := beside(seen, seen.torso)) > OTHERS:
        text = f"more than one person: beside the first {others:.0%} of their area"
        findings.append(found("several_people", Severity.WARN, text, others, OTHERS))
    if (busy := background(looked_at(rgb), seen.mask)) > BUSY:
        text = f"the background is busy: its shades change by {busy:.1f} a pixel"
        findings.append(found("background", Severity.NOTE, text, busy, BUSY))
    return [*findings, *of_framing(seen, seen.torso)]


def turned(rgb: Pixels, people: "People") -> int | None:
    """By how many degrees to the left somebody would surely be seen; None if by none."""
    small = shrunk(rgb, 2 * LOOKED_AT)
    scores = {
        90 * n: float(people.pose(np.ascontiguousarray(np.rot90(small, n)))[:, 2].sum())
        for n in (1, 2, 3)
    }
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] >= SOMEBODY else None


def of_framing(seen: Seen, torso: Points) -> list[Finding]:
    """What is found of how a person stands in the photo; torso: x, y from neck to hips."""
    lean = float(np.degrees(np.arctan2(abs(torso[0]), torso[1])))
    if lean > LYING:
        text = f"the person lies or hangs: leaning by {lean:.0f} degrees"
        return [found("lying", Severity.WARN, text, lean, LYING)]
    height, width = seen.mask.shape
    share = float(np.linalg.norm(torso) / max(height, width * ASPECT))
    if share < FAR:
        text = f"the person is far away: from neck to hips {share:.0%} of the picture"
        return [found("far", Severity.WARN, text, share, FAR)]
    if share > NEAR:
        text = f"the person is too near: from neck to hips {share:.0%} of the picture"
        return [found("near", Severity.WARN, text, share, NEAR)]
    return []


def beside(seen: Seen, torso: Points) -> float:
    """What else is person beside the one whose points are known, of their area."""
    points = seen.points[seen.points[:, 2] > 0, :2]
    length = np.linalg.norm(torso)
    left, top = (points.min(axis=0) - AROUND * length).clip(min=0).astype(int)
    right = int(points[:, 0].max() + AROUND * length) + 1
    own = np.zeros_like(seen.mask)
    own[top:, left:right] = True
    return float((seen.mask & ~own).sum() / max(1, (seen.mask & own).sum()))


def background(gray: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """By how many shades a photo [H, W] changes from pixel to pixel beside a person [H, W]."""
    around = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))) == 0
    if not around.any():
        return 0.0
    smooth = cv2.GaussianBlur(gray, (0, 0), 1)
    return float(np.hypot(*np.gradient(smooth))[around].mean())
