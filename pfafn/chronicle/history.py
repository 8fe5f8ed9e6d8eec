"""What the facts in `decisions/` come to: which versions there are, and which one is champion.

This is the truth that MLflow shows. A version is known by the SHA-256 of its weights; its number is
written down when it is registered. `champion` is the one to use, `previous` the champion before it,
`challenger` the newest that did not become champion. A rollback takes the last champion back, so
that a second one leads to the champion before. Knows nothing of MLflow.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from pfafn.chronicle.decisions import DECISION, EVALUATION, RETRAINING, Fact
from pfafn.kit.files import content_key

STUDENT, TUTOR = "pfafn-student", "pfafn-tutor"
MODELS = {TUTOR: "tutor_tryon", STUDENT: "student_tryon"}  # the stage that makes the weights
CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
ALIASES = (CHAMPION, PREVIOUS, CHALLENGER)
GATE = "gate"  # who decided, if no person did
ROLLBACK = "rollback"  # what a person did, if it was no promotion


class Version(NamedTuple):
    """A registered model."""

    name: str
    number: int  # as it was registered; MLflow may have had to give another one
    sha256: str  # of its weights
    at: datetime  # when it was registered
    origin: dict[str, str]  # what kind of run registered it

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class History:
    """The facts, oldest first, and what they come to."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.facts: list[Fact] = []
        self.versions: dict[tuple[str, str], Version] = {}  # by name and SHA-256
        self.tutors: dict[str, str] = {}  # student -> tutor; all these are SHA-256
        self.evaluations: dict[str, list[str]] = {}  # model -> keys of the stages that scored it
        self.champions: list[str] = []  # students, the present one last
        self.challenger = ""
        self.said: dict[str, dict[str, Fact]] = {}  # student -> "gate" or "choice" -> the last word
        self.settled: dict[str, str] = {}  # question that the gate was asked -> its reason
        self.last = ""  # the name of the last decision
        for fact in facts:
            self.take(fact)

    def take(self, fact: Fact) -> Fact:
        """Let a fact that is later than all others count as well."""
        self.facts.append(fact)
        take = {RETRAINING: self._registered, EVALUATION: self._evaluated, DECISION: self._decided}
        take[fact.kind](fact)
        return fact

    def retraining(self, key: str) -> Fact | None:
        """The fact of the retraining with this key."""
        found = (f for f in self.facts if f.kind == RETRAINING and f.is_of(key))
        return next(found, None)

    def number(self, name: str, sha256: str) -> str:
        """The number of the version with these weights, as text; "" if there is none."""
        version = self.versions.get((name, sha256))
        return str(version.number) if version else ""

    def next_number(self, name: str) -> int:
        """The number of the next version of a model."""
        return 1 + max((v.number for v in self.versions.values() if v.name == name), default=0)

    @property
    def champion(self) -> str:
        """The SHA-256 of the champion; "" if there is none."""
        return self.champions[-1] if self.champions else ""

    @property
    def aliases(self) -> dict[str, dict[str, str]]:
        """Model -> alias -> SHA-256; the tutors' champion is the one that taught the students'."""
        teachers = [self.tutors[one] for one in self.champions if one in self.tutors]
        both = {STUDENT: _aliases(self.champions), TUTOR: _aliases(teachers)}
        if self.challenger:
            both[STUDENT][CHALLENGER] = self.challenger
        return both

    def reason(self, student: str) -> str:
        """Why a student is what it is: the last word on it, or on the one that took its place."""
        said = self.said.get(student, {})
        won = (fact for fact in said.values() if fact.content.get("outcome") != CHALLENGER)
        if student != self.champion and any(won):
            now = self.versions.get((STUDENT, self.champion))
            return f"it was, until {now or 'another'}: {self.reason(self.champion)}"
        word = max(said.values(), key=lambda fact: fact.name, default=None)
        if word is None:
            return ""
        by = word.content["by"]
        return word.content["reason"] if by == GATE else f"{word.content['reason']} ({by})"

    def _registered(self, fact: Fact) -> None:
        shas = {name: ref["sha256"] for name, ref in fact.content["versions"].items()}
        for name, sha in shas.items():
            number = int(fact.content["versions"][name]["version"])
            made = Version(name, number, sha, fact.at, fact.content["origin"])
            self.versions.setdefault((name, sha), made)
        if len(shas) == len(MODELS):
            self.tutors.setdefault(shas[STUDENT], shas[TUTOR])
        if evaluate := fact.content["stages"].get("evaluate"):
            self._scored(shas.values(), content_key(evaluate))

    def _evaluated(self, fact: Fact) -> None:
        models = [ref["sha256"] for ref in fact.content["versions"].values()]
        self._scored(models, content_key(fact.content["entry"]))

    def _scored(self, models: Iterable[str], key: str) -> None:
        for model in models:
            self.evaluations.setdefault(model, []).append(key)

    def _decided(self, fact: Fact) -> None:
        said, student = fact.content, fact.content["student"]["sha256"]
        self.last = fact.name
        group = "gate" if said["by"] == GATE else "choice"
        self.said.setdefault(student, {})[group] = fact
        if "question" in said:
            self.settled[said["question"]] = said["reason"]
        if said.get("outcome") == CHALLENGER:
            self.challenger = student
            return
        if said.get("act") == ROLLBACK:
            del self.champions[-1:]
        if self.champion != student:
            self.champions.append(student)
        if self.challenger == student:
            self.challenger = ""


def _aliases(champions: Sequence[str]) -> dict[str, str]:
    """Champion and previous of those who were champions, the present one last."""
    if not champions:
        return {}
    before = [one for one in champions if one != champions[-1]][-1:]
    return dict(zip((CHAMPION, PREVIOUS), (champions[-1], *before), strict=False))
