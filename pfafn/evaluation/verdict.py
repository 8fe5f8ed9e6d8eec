"""Whether a student is better than another one, surely enough to take its place.

It passes if it is better by more than the margin, with the confidence that
`pfafn.evaluation.confidence` asks for. Doubt and missing numbers never pass.
"""

from typing import NamedTuple

from pfafn.evaluation.confidence import CONFIDENCE, Scores, gain


class Verdict(NamedTuple):
    """What the gate says of a student, and why in one sentence."""

    promote: bool
    reason: str


def first(new: Scores) -> Verdict:
    """Judge a student when there is no champion yet: its scores must all be there."""
    return _failed(new) or Verdict(
        True, f"there was no champion; {new.metric} is {abs(new.values.mean()):.4g}"
    )


def compare(new: Scores, champion: Scores, margin: float) -> Verdict:
    """Judge a student against the champion, both scored on the same evaluation data."""
    if failed := _failed(new):
        return failed
    if champion.metric != new.metric or not new.values.index.equals(champion.values.index):
        return Verdict(False, f"the champion has no {new.metric} on the same pairs")
    over = gain(new, champion)
    if over is None:
        return Verdict(False, f"{new.metric} of one pair cannot tell whether it is better")
    return Verdict(
        over.low > margin,
        f"{new.metric} {over.mean:+.4g} against the champion over {over.pairs} pairs, "
        f"at least {over.low:+.4g} with {CONFIDENCE:.0%} confidence; the margin is {margin:g}",
    )


def _failed(new: Scores) -> Verdict | None:
    if new.missing:
        return Verdict(False, f"{new.metric} failed on {new.missing} pairs")
    if new.values.empty:
        return Verdict(False, f"the evaluation has no finite {new.metric}")
    return None
