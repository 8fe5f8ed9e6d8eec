"""Aliases: what a decision makes of them, and choices by hand, which nothing undoes."""

import pytest
from retraining import Project

from pfafn import registry
from pfafn.registry.aliases import challenged, crowned, state
from pfafn.registry.store import RegistryError, connect
from pfafn.registry.versions import Ref

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
STUDENT = "models:/pfafn-student"
MODELS = ("pfafn-student", "pfafn-tutor")
OLD, NEW = Ref("1", "old"), Ref("2", "new")
OLD_TUTOR, NEW_TUTOR = Ref("1", "old tutor"), Ref("2", "new tutor")
AT_FIRST = {"pfafn-student": {}, "pfafn-tutor": {}}
BEFORE = {"pfafn-student": {"champion": OLD}, "pfafn-tutor": {"champion": OLD_TUTOR}}


def test_the_first_champion_comes_with_its_tutor_and_has_none_before_it() -> None:
    assert crowned(AT_FIRST, OLD, OLD_TUTOR) == BEFORE


def test_the_champions_before_become_previous_the_tutor_as_well_as_the_student() -> None:
    assert crowned(BEFORE, NEW, NEW_TUTOR) == {
        "pfafn-student": {"champion": NEW, "previous": OLD},
        "pfafn-tutor": {"champion": NEW_TUTOR, "previous": OLD_TUTOR},
    }


def test_a_tutor_that_stays_champion_has_still_the_same_before_it() -> None:
    after = crowned(crowned(BEFORE, NEW, NEW_TUTOR), Ref("3", "newest"), NEW_TUTOR)
    assert after["pfafn-student"] == {"champion": Ref("3", "newest"), "previous": NEW}
    assert after["pfafn-tutor"] == {"champion": NEW_TUTOR, "previous": OLD_TUTOR}


def test_a_challenger_that_is_crowned_challenges_no_more_and_another_still_does() -> None:
    third = Ref("3", "third")
    assert "challenger" not in crowned(challenged(BEFORE, NEW), NEW, None)["pfafn-student"]
    assert crowned(challenged(BEFORE, third), NEW, None)["pfafn-student"]["challenger"] == third


@pytest.fixture
def two(project: Project) -> Project:
    """Version 1 is champion, version 2 a challenger that another tutor taught."""
    for name, photos in (("a", "p1"), ("b", "p2")):
        project.retrain(name, photos=photos)
        registry.sync()
    return project


def champion() -> int:
    return registry.describe(f"{STUDENT}@champion")["version"]


def numbers(project: Project) -> dict[str, dict[str, str]]:
    """Model -> alias -> version."""
    now = state(connect(project.root))
    return {name: {alias: ref.version for alias, ref in of.items()} for name, of in now.items()}


def test_a_promoted_challenger_is_what_the_champion_uri_gives_at_once(two: Project) -> None:
    before = registry.resolve(f"{STUDENT}@champion")
    change = registry.promote(f"{STUDENT}@challenger", "the buyers like it")
    assert (change.champion, change.previous) == ("2", "1")
    assert registry.resolve(f"{STUDENT}@champion") != before
    assert registry.describe(f"{STUDENT}@previous")["version"] == 1
    assert registry.describe(f"{STUDENT}/2")["choice"]["reason"] == "the buyers like it"
    with pytest.raises(RegistryError, match="no .*@challenger"):
        registry.describe(f"{STUDENT}@challenger")


def test_a_rollback_swaps_champion_and_previous_and_is_noted(two: Project) -> None:
    registry.promote(f"{STUDENT}/2")
    assert numbers(two) == dict.fromkeys(MODELS, {"champion": "2", "previous": "1"})
    registry.rollback("sleeves are wrong")
    assert numbers(two) == dict.fromkeys(MODELS, {"champion": "1", "previous": "2"})
    noted = registry.describe(f"{STUDENT}/1")["choice"]
    assert noted["reason"] == "sleeves are wrong" and {"by", "at"} <= set(noted)
    registry.rollback()
    assert champion() == 2


def test_mirroring_again_does_not_undo_a_choice(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 21)
    assert registry.sync().champion == "2"
    registry.rollback()
    assert registry.sync().champion == "1"
    assert champion() == 1


def test_without_a_previous_champion_there_is_nothing_to_go_back_to(project: Project) -> None:
    project.retrain("a", 20)
    registry.sync()
    with pytest.raises(RegistryError, match="no previous champion"):
        registry.rollback()
    assert champion() == 1


def test_what_cannot_be_promoted_says_why(two: Project) -> None:
    for uri, message in (
        (f"{STUDENT}/1", "is the champion already"),
        (f"{STUDENT}/7", "the registry has no"),
        ("models:/pfafn-tutor/1", "promote a pfafn-student"),
    ):
        with pytest.raises(RegistryError, match=message):
            registry.promote(uri)
        assert champion() == 1


def test_an_unevaluated_student_is_promoted_only_by_force(two: Project) -> None:
    two.retrain("c", 22)
    del two.stages["evaluate"]
    two.write_lock()
    registry.sync()
    with pytest.raises(RegistryError, match="never evaluated"):
        registry.promote(f"{STUDENT}/3")
    assert registry.promote(f"{STUDENT}/3", force=True).champion == "3"
