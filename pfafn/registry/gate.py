"""The gate: whether a new student becomes champion, decided once for each evaluation of it.

A student passes if it is better than the champion by more than the margin, with the confidence that
`pfafn.evaluation.confidence` asks for. Doubt and missing numbers never pass.
"""

import os
from pathlib import Path
from typing import NamedTuple

from mlflow.entities.model_registry import ModelVersion

from pfafn.evaluation.confidence import CONFIDENCE, Scores, gain, read
from pfafn.kit.errors import UserError
from pfafn.kit.files import content_key, file_hash
from pfafn.kit.progress import tell
from pfafn.params.sections import Register
from pfafn.registry import aliases, mirror, reevaluate, versions
from pfafn.registry.decisions import DECISION
from pfafn.registry.record import SAMPLES, Stage
from pfafn.registry.store import PROMOTE, RegistryError, Store


class Verdict(NamedTuple):
    """What the gate says of a student, and why in one sentence."""

    promote: bool
    reason: str


def decide(store: Store, student: ModelVersion, evaluation: Stage | None, wanted: Register) -> str:
    """Give the student its alias, once for each evaluation; return the reason.

    What was decided stays decided: neither a rollback by hand is undone by mirroring again, nor
    does a later run promote what passed while promotion was switched off. `registry promote` does.
    """
    champion = versions.by_alias(store, student.name, versions.CHAMPION)
    samples = evaluation.folder / SAMPLES if evaluation else None
    scored = file_hash(samples) if samples and samples.is_file() else ""
    question = content_key([student.tags.get("evaluation.protocol"), scored, wanted.model_dump()])
    settled = student.tags.get("gate.question") == question
    reason = student.tags.get("gate.reason", "")
    before, ref = aliases.state(store), versions.ref(student)
    if settled and not store.decisions.has(DECISION, question):  # its file is gone
        after, outcome = before, student.tags["gate.outcome"]
    elif settled or (champion and champion.version == student.version):
        return reason
    else:
        promote, reason = Verdict(False, "it was not evaluated")
        if scored:
            promote, reason = allowed(_judge(store, student, champion, evaluation, wanted))
        outcome, after = versions.CHALLENGER, aliases.challenged(before, ref)
        if promote:
            tutor = versions.tutor_of(student)
            outcome, after = versions.CHAMPION, aliases.crowned(before, ref, tutor)
    said = {"by": aliases.GATE, "outcome": outcome, "reason": reason, "question": question}
    aliases.decide(store, question, after, ref, **said)
    return reason


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


def allowed(verdict: Verdict) -> Verdict:
    """A verdict, turned down if this run may make no champion.

    Raises RegistryError if PFAFN_PROMOTE is neither yes nor no.
    """
    word = os.environ.get(PROMOTE) or "yes"
    if word not in ("yes", "no"):
        raise RegistryError(f"{PROMOTE} must be yes or no, got {word!r}")
    if word == "yes" or not verdict.promote:
        return verdict
    off = "it would have become champion, but promotion was switched off for this run"
    return Verdict(False, f"{off}: {verdict.reason}")


def _failed(new: Scores) -> Verdict | None:
    if new.missing:
        return Verdict(False, f"{new.metric} failed on {new.missing} pairs")
    if new.values.empty:
        return Verdict(False, f"the evaluation has no finite {new.metric}")
    return None


def _judge(
    store: Store,
    student: ModelVersion,
    champion: ModelVersion | None,
    evaluation: Stage,
    wanted: Register,
) -> Verdict:
    """Compare with the champion, evaluated first if it was on other data or by other code."""
    new = read(evaluation.folder / SAMPLES, wanted.metric)
    if champion is None:
        return first(new)
    theirs = _samples(store, champion, student)
    if theirs is None:
        name = f"champion version {champion.version}"
        tell(f"{name} has no scores of these photos by this code: evaluating it first")
        try:
            champion = reevaluate.evaluate_again(
                store, champion, evaluation, student.tags["evaluation.run"]
            )
        except UserError as error:
            reason = f"{name} has no scores to compare with and could not be evaluated: {error}"
            return Verdict(False, reason)
        theirs = _samples(store, champion, student)
    return compare(new, read(theirs, new.metric), wanted.margin)


def _samples(store: Store, champion: ModelVersion, student: ModelVersion) -> Path | None:
    """The champion's per-sample scores if they were made as the student's; None if not."""
    alike = mirror.scored_alike(champion, student)
    return mirror.samples(store, champion.tags["evaluation.run"]) if alike else None
