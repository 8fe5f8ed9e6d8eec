"""What is implausible in one person's annotations, in words.

The limits are set on VITON's 7,032 samples and on the studio: docs/robustness.md says what they
find there, `python -m benchmarks.plausibility` measures it again.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from pfafn.annotations.agreement import BETTER, Agreement, Reading
from pfafn.annotations.parsing import SCHEMES
from pfafn.models.parts import Category

Role = Literal["parsing", "keypoints", "mask"]

# Least and most on VITON: fit 0.53 (a parsing map without the garment, the only one below 0.6),
# head beside the face 0.06, clothes 0.30 of the person, edges 1.17.
FIT = 0.6
BESIDE = 0.08  # of the picture's width or height
CLOTHES = 0.02  # of the person
EDGES = 0.8
MANY = 3  # elbows and wrists, of four

HINTS = {
    "unit": "as if in [0, 1]: multiply x by the picture's width and y by its height",
    "signed": "as if in [-1, 1]: x becomes (x + 1) / 2 of the width, y (y + 1) / 2 of the height",
    "axes": "as if x and y were exchanged",
    "mirror": "as if mirrored: x becomes width - 1 - x",
    "sides": "as if left and right were exchanged",
    "scale": "as if in a picture about {x:.2f} times as large: divide x and y by that",
    "shift": "as if shifted by {x:+.0%} of the width and {y:+.0%} of the height",
}


class Doubt(NamedTuple):
    """One implausible thing, and in which of a sample's files it is."""

    role: Role
    text: str
    rejects: bool = True  # or only worth a note


def hint(reading: Reading | None) -> str:
    """What it looks like and what to do, to go on a sentence with; empty if nothing is known."""
    if reading is None:
        return ""
    if reading.kind in SCHEMES:
        known = f"like scheme {reading.kind}: set prepare.parsing to {reading.kind} in params.yaml"
        return f"; the parsing maps look {known}"
    return f"; the points look {HINTS[reading.kind].format(x=reading.x, y=reading.y)}"


def doubts(found: Agreement, category: Category) -> Iterator[Doubt]:
    """What is implausible in one person's annotations."""
    scheme = found.better is not None and found.better.kind in SCHEMES
    if mirrored(found):
        more = 1 / max(found.edges, 1e-3)
        yield Doubt("parsing", f"its mirror image fits the photo's edges {more:.1f} times better")
    elif off(found):
        yield Doubt("parsing" if scheme else "keypoints", _apart(found) + hint(found.better))
    if bare(found) and not (scheme and off(found)):
        worn = f"the garment to be replaced ({category.name.lower()})"
        yield Doubt("parsing", f"{worn} is {found.clothes:.1%} of the parsed person")
    if found.other >= MANY and not found.own and not found.mirror > BETTER:
        said = "the arms' points are on the other arm: seen from behind, or exchanged?"
        yield Doubt("parsing", said, rejects=False)


def _apart(found: Agreement) -> str:
    if found.x == 1:
        return "the parsing map has no face where the keypoints have a nose"
    beside = max((found.x, "width"), (found.y, "height"), key=lambda way: abs(way[0]))
    if found.fit >= FIT:
        return f"the head's points are {abs(beside[0]):.0%} of the {beside[1]} beside the face"
    return f"{found.fit:.0%} of the points lie on their part of the parsing map"


def off(found: Agreement) -> bool:
    """Whether keypoints and parsing map contradict each other."""
    return found.fit < FIT or max(abs(found.x), abs(found.y)) > BESIDE


def bare(found: Agreement) -> bool:
    """Whether nobody wears the clothes that are to be replaced."""
    return found.clothes < CLOTHES


def mirrored(found: Agreement) -> bool:
    """Whether the parsing map is another photo's, as like as not this one's mirror image."""
    return found.edges < EDGES
