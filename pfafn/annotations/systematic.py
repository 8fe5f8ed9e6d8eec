"""What is implausible in a whole split's annotations: most samples agree in what is wrong.

One sample tells little of a small shift, the middle of many does. Splits and categories are looked
at each by itself.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from pfafn.annotations.agreement import BETTER, Agreement, Reading
from pfafn.annotations.parsing import SCHEMES
from pfafn.annotations.plausibility import Doubt, bare, hint, mirrored, off
from pfafn.annotations.probes import median
from pfafn.photos.masks import BORDER

FEW = 3  # samples from which something is concluded
MOST = 0.5
# Of width and height. The middle person of VITON has the head's points 0.003 to the right of the
# face's middle and above it, the studio's 0.007 above it; where a face ends below is a custom.
MIDDLE_BESIDE = 0.03, 0.04
# Of the width, by which the middle person's head may lie beside where it does for all. On VITON it
# is 0.006, at most 0.014 among any three; with each other's keypoints 0.05, in the studio 0.03.
SPREAD = 0.02
MIDDLE_EDGES = 0.9


def of_persons(found: Sequence[Agreement]) -> Doubt | None:
    """What is implausible in most of these persons' annotations."""
    if len(found) < FEW:
        return None
    looks = _looks(found)
    apart = f"keypoints and parsing map contradict each other{hint(looks)}"
    if looks and looks.kind in SCHEMES and (often := _most(found, off)):
        return Doubt("parsing", f"{often} {apart}")
    if median([one.edges for one in found]) < MIDDLE_EDGES:
        often = _most(found, mirrored) or f"in the middle of {len(found)} persons"
        return Doubt("parsing", f"{often} the photo's edges fit the mirrored parsing map better")
    if often := _most(found, bare):
        asked = "are the maps' ids of another scheme (prepare.parsing)?"
        return Doubt("parsing", f"{often} nobody wears the clothes to be replaced; {asked}")
    if often := _most(found, off):
        return Doubt("keypoints", f"{often} {apart}")
    if (spread := _spread([one.x for one in found])) > SPREAD:
        said = f"in the middle of {len(found)} persons the head's points lie {spread:.0%}"
        whose = "now left and now right of the face: are keypoints and maps of the same persons?"
        return Doubt("keypoints", f"{said} of the picture {whose}")
    x, y = (abs(median([getattr(one, way) for one in found])) for way in "xy")
    if x > MIDDLE_BESIDE[0] or y > MIDDLE_BESIDE[1]:
        said = f"in the middle of {len(found)} persons the head's points lie {max(x, y):.0%}"
        return Doubt("keypoints", f"{said} of the picture beside the face{hint(looks)}")
    if often := _most(found, lambda one: one.mirror > BETTER):
        return Doubt("keypoints", f"{often} mirrored keypoints would fit the parsing map better")
    armed = [one for one in found if one.own or one.other]
    if len(armed) >= FEW and (often := _most(armed, lambda one: one.other > one.own)):
        said = f"{often} the arms' points lie on the other arm"
        return Doubt("parsing", f"{said}: left and right are exchanged, here or in the keypoints")
    return None


def _most(found: Sequence[Agreement], wrong: Callable[[Agreement], bool]) -> str:
    """In how many it is so, if in most of them; else nothing."""
    times = sum(map(wrong, found))
    return f"in {times} of {len(found)} persons" if times > MOST * len(found) else ""


def _spread(values: Sequence[float]) -> float:
    """The middle distance from the middle value."""
    middle = median(values)
    return median([abs(value - middle) for value in values])


def _looks(found: Sequence[Agreement]) -> Reading | None:
    """The reading that explains most of those that want one, with its middle numbers."""
    wanting = [one.better for one in found if off(one) or one.better]
    kinds = Counter(reading.kind for reading in wanting if reading)
    if not kinds:
        return None
    kind, votes = kinds.most_common(1)[0]
    if votes <= MOST * len(wanting):
        return None
    same = [reading for reading in wanting if reading and reading.kind == kind]
    return Reading(kind, median([one.x for one in same]), median([one.y for one in same]))


def of_garments(borders: Sequence[float]) -> Doubt | None:
    """What is implausible in most of these garments' masks, of each the covered border's share."""
    wrong = sum(covered > BORDER for covered in borders)
    if len(borders) < FEW or wrong <= MOST * len(borders):
        return None
    said = f"{wrong} of {len(borders)} masks cover the picture's border: they look black on white"
    return Doubt("mask", f"{said}, and must be white on the garment and black beside it")
