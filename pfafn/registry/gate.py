"""The gate: whether a new student becomes champion, decided once for each evaluation of it.

How, `pfafn.evaluation.verdict` says.
"""

import os

from pfafn.chronicle.history import CHALLENGER, CHAMPION, GATE, STUDENT, History
from pfafn.chronicle.record import SAMPLES, Stage
from pfafn.evaluation.confidence import read
from pfafn.evaluation.verdict import Verdict, compare, first
from pfafn.kit.errors import UserError
from pfafn.kit.files import content_key, file_hash
from pfafn.kit.progress import tell
from pfafn.params.sections import Register
from pfafn.registry import aliases, mirror, reevaluate, versions
from pfafn.registry.store import PROMOTE, RegistryError, Store


def decide(
    store: Store, history: History, student: str, evaluation: Stage | None, wanted: Register
) -> None:
    """Decide on a student, by the SHA-256 of its weights, once for each evaluation of it.

    What was decided stays decided: neither a rollback by hand is undone by mirroring again, nor
    does a later run promote what passed while promotion was switched off. `registry promote` does.
    """
    samples = evaluation.folder / SAMPLES if evaluation else None
    scored = file_hash(samples) if samples and samples.is_file() else ""
    protocol = content_key(evaluation.protocol) if evaluation else None
    question = content_key([protocol, scored, wanted.model_dump()])
    if question in history.settled or student == history.champion:
        return
    verdict = Verdict(False, "it was not evaluated")
    if scored:
        verdict = allowed(_judge(store, history, evaluation, wanted))
    outcome = CHAMPION if verdict.promote else CHALLENGER
    said = {"outcome": outcome, "question": question}
    aliases.write_down(store, history, student, GATE, verdict.reason, **said)


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


def _judge(store: Store, history: History, evaluation: Stage, wanted: Register) -> Verdict:
    """Compare with the champion, evaluated first if it was on other data or by other code."""
    new = read(evaluation.folder / SAMPLES, wanted.metric)
    if not history.champion:
        return first(new)
    champion = versions.known(store, STUDENT, history.champion)
    if champion is None:
        return Verdict(False, "the champion is not in the registry, so nothing can be better")
    runs = (mirror.find_run(store, key) for key in history.evaluations.get(history.champion, []))
    like = (r for r in runs if r and r.data.tags.get(mirror.SCORED_BY) == evaluation.scored_by)
    theirs = mirror.samples(store, next(like, None))
    if theirs is None:
        name = f"champion version {champion.version}"
        tell(f"{name} has no scores of these photos by this code: evaluating it first")
        try:
            theirs = reevaluate.evaluate_again(store, history, champion, evaluation)
        except UserError as error:
            reason = f"{name} has no scores to compare with and could not be evaluated: {error}"
            return Verdict(False, reason)
    return compare(new, read(theirs, new.metric), wanted.margin)
