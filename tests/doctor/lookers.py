"""Stand-ins for who looks for people, on photos of SIZE."""

import numpy as np
import photoset

SIZE = H, W = (256, 192)
SEEN = photoset.keypoints(SIZE)
ABSENT = np.zeros_like(SEEN)
OWN = photoset.parsing(SIZE) > 0


class Looker:
    """Sees these points and this mask; other points where the photo is wider than high."""

    def __init__(self, points=SEEN, mask=OWN, across=ABSENT):
        self.points, self.own, self.across = points, mask, across

    def pose(self, rgb):
        return (self.points if rgb.shape[0] >= rgb.shape[1] else self.across).copy()

    def mask(self, rgb):
        return self.own.astype(np.float32)


def without(*points):
    """SEEN with some points missing."""
    found = SEEN.copy()
    found[list(points)] = 0
    return found


def about_the_neck(times=1.0, degrees=0.0):
    """SEEN, larger or smaller, and turned, about the neck."""
    found, angle = SEEN.copy(), np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found[:, :2] = SEEN[1, :2] + times * (SEEN[:, :2] - SEEN[1, :2]) @ turn.T
    return found.astype(np.float32)
