"""A run with promotion switched off: the student is judged, and stays what a person makes of it."""

import pytest
from retraining import Project

from pfafn import registry
from pfafn.registry.store import RegistryError

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
STUDENT = "models:/pfafn-student"


@pytest.fixture
def held_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Version 1 is champion; version 2 is better, and was made with promotion switched off."""
    project.retrain("a", 20)
    registry.sync()
    project.retrain("b", 21)
    monkeypatch.setenv("PFAFN_PROMOTE", "no")
    registry.sync()
    monkeypatch.setenv("PFAFN_PROMOTE", "yes")
    return project


def champion() -> int:
    return registry.describe(f"{STUDENT}@champion")["version"]


def test_a_better_student_stays_challenger_and_says_what_held_it_back(held_back: Project) -> None:
    assert champion() == 1
    challenger = registry.describe(f"{STUDENT}@challenger")
    assert challenger["version"] == 2
    assert "promotion was switched off for this run" in challenger["gate"]["reason"]
    assert "+1 against the champion over 12 pairs" in challenger["gate"]["reason"]


def test_a_later_run_does_not_promote_it_silently_but_a_person_can(held_back: Project) -> None:
    (held_back.root / ".work/registry.json").unlink()
    assert registry.sync().champion == "1"
    assert registry.promote(f"{STUDENT}@challenger").champion == "2"


def test_a_new_evaluation_is_a_new_question(held_back: Project) -> None:
    held_back.evaluate(22)
    assert registry.sync().champion == "2"


def test_a_worse_student_is_told_that_it_is_worse(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_PROMOTE", "no")
    project.retrain("a", 20)
    project.evaluate(20, broken=3)
    assert registry.sync().reason == "unpaired.psnr_clothes failed on 3 pairs"


def test_without_a_champion_the_first_student_is_not_promoted_later_either(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_PROMOTE", "no")
    project.retrain("a", 20)
    assert registry.sync().champion == ""
    monkeypatch.delenv("PFAFN_PROMOTE")
    (project.root / ".work/registry.json").unlink()
    assert registry.sync().champion == ""


def test_a_misspelt_switch_stops_before_anything_is_promoted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_PROMOTE", "off")
    project.retrain("a", 20)
    with pytest.raises(RegistryError, match="PFAFN_PROMOTE must be yes or no, got 'off'"):
        registry.sync()
