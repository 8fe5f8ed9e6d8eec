"""What the gate makes of a new student, and whether it may become champion in this run."""

import os
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from pfafn.outputs import file_hash
from pfafn.params import Register
from pfafn.registry import aliases, gate, record, versions
from pfafn.registry.decisions import DECISION, Decisions
from pfafn.registry.record import SAMPLES, Stage
from pfafn.registry.store import RegistryError, Store, intact

PROMOTE = "PFAFN_PROMOTE"  # environment: "no" if this run may make no champion


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
        decision = gated(_judge(store, student, champion, samples, wanted))
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
    student: ModelVersion,
    champion: ModelVersion | None,
    samples: Path,
    wanted: Register,
) -> gate.Decision:
    new = gate.read(samples, wanted.metric)
    if champion is None:
        return gate.first(new)
    name = f"champion version {champion.version}"
    if champion.tags.get("evaluation.protocol") != student.tags.get("evaluation.protocol"):
        return gate.Decision(False, f"{name} was evaluated on other data or by another protocol")
    run = store.client.get_run(champion.tags["evaluation.run"])
    if not intact(f"{run.info.artifact_uri}/{SAMPLES}"):
        return gate.Decision(False, f"the per-sample scores of {name} are gone")
    theirs = Path(store.client.download_artifacts(run.info.run_id, SAMPLES))
    return gate.compare(new, gate.read(theirs, new.metric), wanted.margin)
