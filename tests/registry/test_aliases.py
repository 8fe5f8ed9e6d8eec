"""Aliases in MLflow: what was decided, and choices by hand, which nothing undoes."""

from pathlib import Path

import pytest
from retraining import Project, new_project

from pfafn import registry
from pfafn.registry.store import RegistryError, connect

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
STUDENT = "models:/pfafn-student"
MODELS = ("pfafn-student", "pfafn-tutor")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        project = new_project(tmp_path_factory.mktemp("two"), empty_store, patch)
        for name, photos in (("a", "p1"), ("b", "p2")):
            project.retrain(name, photos=photos)
            registry.sync()
    return project


@pytest.fixture
def two(made_once: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Version 1 is champion, version 2 a challenger that another tutor taught; a copy to change."""
    return made_once.copied(tmp_path / "copy", monkeypatch)


def champion() -> int:
    return registry.describe(f"{STUDENT}@champion")["version"]


def numbers(project: Project) -> dict[str, dict[str, str]]:
    """Model -> alias -> version."""
    client = connect(project.root).client
    found = {name: client.get_registered_model(name).aliases for name in MODELS}
    return {name: {a: str(number) for a, number in of.items()} for name, of in found.items()}


def test_a_promoted_challenger_is_what_the_champion_uri_gives_at_once(two: Project) -> None:
    before = registry.resolve(f"{STUDENT}@champion")
    change = registry.promote(f"{STUDENT}@challenger", "the buyers like it")
    assert (change.champion, change.previous) == ("2", "1")
    assert registry.resolve(f"{STUDENT}@champion") != before
    assert registry.describe(f"{STUDENT}@previous")["version"] == 1
    assert registry.describe(f"{STUDENT}/2")["choice"]["reason"] == "the buyers like it"
    with pytest.raises(RegistryError, match="no .*@challenger"):
        registry.describe(f"{STUDENT}@challenger")


def test_each_rollback_goes_one_champion_back_and_is_noted(two: Project) -> None:
    registry.promote(f"{STUDENT}/2")
    assert numbers(two) == dict.fromkeys(MODELS, {"champion": "2", "previous": "1"})
    registry.rollback("sleeves are wrong")
    assert numbers(two) == dict.fromkeys(MODELS, {"champion": "1"})
    noted = registry.describe(f"{STUDENT}/1")["choice"]
    assert noted["reason"] == "sleeves are wrong" and {"by", "at"} <= set(noted)
    with pytest.raises(RegistryError, match="no previous champion"):
        registry.rollback()
    assert champion() == 1


def test_an_alias_that_is_moved_in_mlflow_to_the_last_champion_is_a_rollback(two: Project) -> None:
    registry.promote(f"{STUDENT}/2")
    connect(two.root).client.set_registered_model_alias("pfafn-student", "champion", "1")
    registry.sync()
    assert numbers(two) == dict.fromkeys(MODELS, {"champion": "1"})
    assert registry.describe(f"{STUDENT}/1")["choice"]["by"] == "somebody in MLflow"


def test_an_alias_that_is_moved_in_mlflow_to_another_is_a_promotion(two: Project) -> None:
    connect(two.root).client.set_registered_model_alias("pfafn-student", "champion", "2")
    registry.sync()
    assert numbers(two) == dict.fromkeys(MODELS, {"champion": "2", "previous": "1"})
    assert registry.rollback().champion == "1"


@pytest.mark.parametrize(("model", "alias"), [(MODELS[0], "challenger"), (MODELS[1], "champion")])
def test_any_other_alias_that_is_moved_or_deleted_in_mlflow_is_put_back(
    two: Project, model: str, alias: str
) -> None:
    before, client = numbers(two), connect(two.root).client
    client.delete_registered_model_alias("pfafn-student", "champion")
    client.set_registered_model_alias(model, alias, "1" if alias == "challenger" else "2")
    registry.sync()
    assert numbers(two) == before


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
