"""Two versions side by side, and models looked up by what they were made from."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from retraining import Project, new_project
from typer.testing import CliRunner

from pfafn import registry
from pfafn.cli.registry import app
from pfafn.registry import look
from pfafn.registry.store import RegistryError

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
STUDENT = "models:/pfafn-student"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Project]:
    """Version 1 of photos p1 is champion; 2 of p1 is worse; 3 of p2 cannot be compared."""
    with pytest.MonkeyPatch.context() as patch:
        project = new_project(tmp_path_factory.mktemp("compared"), empty_store, patch)
        for name, quality, photos, commit in (
            ("a", 20, "p1", "aaa1"), ("b", 19, "p1", "bbb2"), ("c", 30, "p2", "bbb2"),
        ):  # fmt: skip
            project.retrain(name, quality, photos=photos, commit=commit)
            registry.sync()
        yield project


@pytest.fixture
def three(made_once: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(made_once.root)
    return made_once


def test_scores_stand_side_by_side_with_the_gain_of_the_first(three: Project) -> None:
    found = registry.compare(f"{STUDENT}/2", f"{STUDENT}/1")
    assert found["scores"] == {"unpaired.psnr_clothes": {"a": 19.0, "b": 20.0, "difference": -1.0}}
    assert found["metric"] == "unpaired.psnr_clothes"
    equal = {"mean": -1, "low": -1, "high": -1, "pairs": 12, "level": 0.9}
    assert found["gain"] == pytest.approx(equal)
    assert found["note"] == ""


def test_only_what_differs_of_the_lineage_is_shown(three: Project) -> None:
    differs = registry.compare(f"{STUDENT}/2", f"{STUDENT}/1")["differs"]
    assert differs["git.commit"] == {"a": "bbb2", "b": "aaa1"}
    assert "dvc.stage.student_tryon" in differs
    assert not {"data.md5", "fakes.md5", "params.student_tryon.batch"} & set(differs)


def test_of_an_evaluation_that_is_not_here_it_is_not_said_what_it_was_made_on(
    three: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = SimpleNamespace(data=SimpleNamespace(tags={}, metrics={}))
    monkeypatch.setattr(look, "evaluation_of", lambda *_: absent)
    found = registry.describe(f"{STUDENT}/1")
    assert (found["scores"], found["scored"]) == ({}, {})


def test_other_photos_are_named_as_such(three: Project) -> None:
    found = registry.compare(f"{STUDENT}/3", f"{STUDENT}/1")
    assert found["gain"]["mean"] == pytest.approx(10)
    assert "other data or by other code" in found["note"]
    assert found["differs"]["data.md5"] == {"a": "p2", "b": "p1"}


def test_the_challenger_is_compared_with_the_champion_unless_told_otherwise(three: Project) -> None:
    found = registry.compare()
    assert (found["a"]["aliases"], found["b"]["aliases"]) == (["challenger"], ["champion"])


def test_a_version_without_scores_is_compared_by_lineage(three: Project) -> None:
    found = registry.compare("models:/pfafn-tutor/1", "models:/pfafn-tutor/2")
    assert found["gain"] is None
    assert found["differs"]["data.md5"] == {"a": "p1", "b": "p2"}


def test_the_command_prints_scores_gain_and_lineage(three: Project) -> None:
    words = ["compare", f"{STUDENT}/2", f"{STUDENT}/1"]
    shown = CliRunner().invoke(app, words).stdout
    assert "worse by 1 over 12 pairs, with 90% certainty 1 to 1 worse" in " ".join(shown.split())
    assert "git.commit" in shown and "champion" in shown
    assert json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["gain"]["pairs"] == 12


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [({"data": "p2"}, [3]), ({"commit": "BBB"}, [3, 2]), ({"data": "p1", "commit": "a"}, [1])],
)
def test_models_are_found_by_photos_and_commit(
    three: Project, wanted: dict[str, str], numbers: list[int]
) -> None:
    found = registry.listing(**wanted)
    assert [v["version"] for v in found if v["name"] == "pfafn-student"] == numbers


def test_what_is_not_there_is_answered_with_what_is(three: Project) -> None:
    with pytest.raises(RegistryError, match=r"data that begins with 'p7'; .*: p1 \(3\), p2 \(2\)"):
        registry.listing(data="p7")
    with pytest.raises(RegistryError, match=r"commit that begins with 'aaa1'; .*: bbb2 \(2\)"):
        registry.listing(data="p2", commit="aaa1")
