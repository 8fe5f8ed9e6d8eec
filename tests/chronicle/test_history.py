"""What the facts in `decisions/` come to, without a store."""

from datetime import UTC, datetime
from typing import Any

from pfafn.chronicle.decisions import DECISION, EVALUATION, RETRAINING, Fact
from pfafn.chronicle.history import STUDENT, TUTOR, History

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def facts(*told: tuple[str, dict[str, Any]]) -> list[Fact]:
    """In this order; the key of each is its place."""
    return [Fact(f"{n:03}-{kind}-{n}", kind, NOON, said) for n, (kind, said) in enumerate(told)]


def made(student: str, number: int, tutor: str = "t") -> tuple[str, dict[str, Any]]:
    versions = {STUDENT: {"sha256": student, "version": str(number)},
                TUTOR: {"sha256": tutor, "version": "1"}}  # fmt: skip
    stages = {"evaluate": {"cmd": student}}
    return RETRAINING, {"versions": versions, "stages": stages, "origin": {}, "ended": {}}


def judged(student: str, outcome: str, reason: str = "") -> tuple[str, dict[str, Any]]:
    said = {"by": "gate", "outcome": outcome, "reason": reason, "question": f"q{student}"}
    return DECISION, {"student": {"sha256": student}, **said}


def chosen(student: str, act: str = "promote") -> tuple[str, dict[str, Any]]:
    said = {"by": "ana", "reason": f"{act} {student}"} | ({"act": act} if act == "rollback" else {})
    return DECISION, {"student": {"sha256": student}, **said}


def aliases(*told: tuple[str, dict[str, Any]]) -> dict[str, str]:
    return History(facts(*told)).aliases[STUDENT]


WON = [judged("a", "champion"), judged("b", "champion"), judged("c", "champion")]


def test_the_first_champion_comes_with_its_tutor_and_has_none_before_it() -> None:
    history = History(facts(made("a", 1), judged("a", "champion")))
    assert history.aliases == {STUDENT: {"champion": "a"}, TUTOR: {"champion": "t"}}


def test_a_student_that_did_not_win_is_challenger_until_it_is_chosen() -> None:
    assert aliases(WON[0], judged("b", "challenger")) == {"champion": "a", "challenger": "b"}
    chose = aliases(WON[0], judged("b", "challenger"), chosen("b"))
    assert chose == {"champion": "b", "previous": "a"}


def test_a_challenger_stays_one_while_another_is_crowned() -> None:
    third = aliases(WON[0], judged("c", "challenger"), judged("b", "champion"))
    assert third == {"champion": "b", "previous": "a", "challenger": "c"}


def test_each_rollback_goes_one_champion_further_back() -> None:
    assert aliases(*WON) == {"champion": "c", "previous": "b"}
    assert aliases(*WON, chosen("b", "rollback")) == {"champion": "b", "previous": "a"}
    twice = aliases(*WON, chosen("b", "rollback"), chosen("a", "rollback"))
    assert twice == {"champion": "a"}


def test_after_a_rollback_the_next_champion_has_before_it_whom_it_followed() -> None:
    later = aliases(*WON, chosen("a"), chosen("c", "rollback"), judged("d", "champion"))
    assert later == {"champion": "d", "previous": "c"}


def test_who_is_promoted_again_has_the_champion_of_then_before_it() -> None:
    assert aliases(*WON[:2], chosen("a")) == {"champion": "a", "previous": "b"}


def test_a_tutor_that_stays_champion_has_still_the_same_before_it() -> None:
    told = [made("a", 1, "old"), made("b", 2, "new"), made("c", 3, "new"), *WON]
    assert History(facts(*told)).aliases[TUTOR] == {"champion": "new", "previous": "old"}


def test_a_version_is_its_weights_and_keeps_the_number_of_its_first_retraining() -> None:
    history = History(facts(made("a", 1), made("b", 2), made("a", 7)))
    assert [(v.name, v.number, v.sha256) for v in history.versions.values()] == [
        (STUDENT, 1, "a"), (TUTOR, 1, "t"), (STUDENT, 2, "b"),
    ]  # fmt: skip
    assert (history.next_number(STUDENT), history.next_number(TUTOR)) == (3, 2)


def test_all_that_scored_a_model_is_known_in_order() -> None:
    entry = {"versions": {STUDENT: {"sha256": "a"}}, "entry": {"cmd": "again"}}
    history = History(facts(made("a", 1), (EVALUATION, entry)))
    assert len(set(history.evaluations["a"])) == 2 and len(history.evaluations["t"]) == 1


def test_a_question_is_settled_with_the_reason_it_was_answered_with() -> None:
    assert History(facts(judged("a", "challenger", "too few"))).settled == {"qa": "too few"}


def test_why_a_student_is_what_it_is_is_the_last_word_on_it() -> None:
    told = [made("a", 1), made("b", 2), judged("a", "champion", "first")]
    lost = judged("b", "challenger", "worse")
    assert History(facts(*told)).reason("a") == "first"
    assert History(facts(*told, lost)).reason("b") == "worse"
    assert History(facts(*told, lost, chosen("b"))).reason("b") == "promote b (ana)"
    assert History(facts(*told)).reason("b") == ""


def test_why_somebody_is_champion_no_more_names_the_champion() -> None:
    told = [made("a", 1), made("b", 2), judged("a", "champion"), judged("b", "champion", "better")]
    assert History(facts(*told)).reason("a") == "it was, until pfafn-student 2: better"
    back = History(facts(*told, chosen("a", "rollback")))
    assert back.reason("b") == "it was, until pfafn-student 1: rollback a (ana)"
    assert back.reason("a") == "rollback a (ana)"
