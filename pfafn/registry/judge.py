"""What the gate makes of a new student, and whether it may become champion in this run."""

import os
import sys
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from pfafn.kit.errors import UserError
from pfafn.kit.files import file_hash
from pfafn.params.file import Register
from pfafn.registry import aliases, gate, record, reevaluate, runs, versions
from pfafn.registry.decisions import DECISION, Decisions
from pfafn.registry.record import SAMPLES, Stage
from pfafn.registry.store import PROMOTE, RegistryError, Store


def decide(
    store: Store, kept: Decisions, student: ModelVersion, evaluation: Stage | None, wanted: Register
) -> str:
    """Give the student its alias, once for each evaluation; return the reason.

    What was decided stays decided: neither a rollback by hand is undone by mirroring again, nor
    does a later run promote what passed while promotion was switched off. `registry promote` does.
    """
    champion = versions.by_alias(store, student.name, versions.CHAMPION)
    samples = evaluation.folder / SAMPLES if evaluation else None
    scored = file_hash(samples) if samples and samples.is_file() else ""
    question = record.content_key(
        [student.tags.get("evaluation.protocol"), scored, wanted.model_dump()]
    )
    settled = student.tags.get("gate.question") == question
    if settled or (champion and champion.version == student.version):
        reason = student.tags.get("gate.reason", "")
        if settled and not kept.has(DECISION, question):  # settled before decisions were kept
            now, outcome = aliases.state(store), student.tags["gate.outcome"]
            _record(store, kept, question, now, student, outcome, reason)
        return reason
    if samples and scored:
        decision = gated(_judge(store, kept, student, champion, evaluation, wanted))
    else:
        decision = gate.Decision(False, "it was not evaluated")
    before, ref = aliases.state(store), versions.ref(student)
    if decision.promote:
        after, outcome = aliases.crowned(before, ref, versions.tutor_of(student)), "champion"
    else:
        after, outcome = aliases.challenged(before, ref), "challenger"
    _record(store, kept, question, after, student, outcome, decision.reason)
    return decision.reason


def _record(
    store: Store,
    kept: Decisions,
    question: str,
    state: aliases.State,
    student: ModelVersion,
    outcome: str,
    reason: str,
) -> None:
    said = {"by": aliases.GATE, "outcome": outcome, "reason": reason, "question": question}
    aliases.decide(store, kept, question, state, versions.ref(student), **said)


def gated(decision: gate.Decision) -> gate.Decision:
    """A decision, turned down if this run may make no champion.

    Raises RegistryError if PFAFN_PROMOTE is neither yes nor no.
    """
    word = os.environ.get(PROMOTE) or "yes"
    if word not in ("yes", "no"):
        raise RegistryError(f"{PROMOTE} must be yes or no, got {word!r}")
    if word == "yes" or not decision.promote:
        return decision
    return gate.Decision(
        False,
        "it would have become champion, but promotion was switched off for this run: "
        + decision.reason,
    )


def _judge(
    store: Store,
    kept: Decisions,
    student: ModelVersion,
    champion: ModelVersion | None,
    evaluation: Stage,
    wanted: Register,
) -> gate.Decision:
    """Compare with the champion, which is evaluated first if it was not on the same data."""
    new = gate.read(evaluation.folder / SAMPLES, wanted.metric)
    if champion is None:
        return gate.first(new)
    theirs = _samples(store, champion, student.tags["evaluation.protocol"])
    if theirs is None:
        name = f"champion version {champion.version}"
        print(f"{name} has no scores of these photos: evaluating it first", file=sys.stderr)
        try:
            champion = reevaluate.evaluate_again(
                store, kept, champion, evaluation, student.tags["evaluation.run"]
            )
        except UserError as error:
            reason = f"{name} has no scores of these photos and could not be evaluated: {error}"
            return gate.Decision(False, reason)
        theirs = _samples(store, champion, student.tags["evaluation.protocol"])
    return gate.compare(new, gate.read(theirs, new.metric), wanted.margin)


def _samples(store: Store, champion: ModelVersion, protocol: str) -> Path | None:
    """The champion's per-sample scores under this protocol; None if there are none."""
    if champion.tags.get("evaluation.protocol") != protocol:
        return None
    return runs.samples(store, champion.tags["evaluation.run"])
