"""A lost registry comes back as it was: runs, versions, notes and aliases, older ones too."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from retraining import Project, close, new_project

from pfafn import registry
from pfafn.chronicle.decisions import Decisions
from pfafn.registry.store import RegistryError, connect

# MLflow warns of itself and of what its libraries call deprecated; the rest stays errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
STUDENT = "models:/pfafn-student"


@pytest.fixture(scope="module")
def made_once(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> Iterator[tuple[Project, Path]]:
    """Three students: 2 beat 1, 3 was worse, then 1 was chosen by hand; and a copy of it all."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch:
        project = new_project(folder, empty_store, patch)
        patch.setenv("PFAFN_FLOW_RUN_ID", "flow-1")
        project.retrain("a", 20)
        registry.sync()
        patch.delenv("PFAFN_FLOW_RUN_ID")
        for name, quality in (("b", 21), ("c", 19)):
            project.retrain(name, quality)
            registry.sync()
        registry.promote(f"{STUDENT}/1", "the buyers like it")
    shutil.copytree(project.root, folder / "copy")
    yield project, folder / "copy"


@pytest.fixture
def history(made_once: tuple[Project, Path], monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same project at the same place, as if nothing had been done to it since."""
    project, copy = made_once
    close(project)
    for path in project.root.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    shutil.copytree(copy, project.root, dirs_exist_ok=True)
    monkeypatch.chdir(project.root)
    return project


def lose(project: Project, empty_store: Path) -> None:
    """Delete MLflow's database and files."""
    close(project)
    shutil.copy(empty_store, project.root / "mlflow.db")
    shutil.rmtree(project.root / "mlartifacts")


def everything(project: Project) -> tuple[list, list]:
    """Versions and runs, without the numbers that MLflow draws and the places it keeps files at."""
    found = registry.listing()
    for version in found:
        del version["sources"]  # runs get new names
    store = connect(project.root)
    listed = store.client.search_runs([store.experiment])
    runs = [
        (
            run.info.run_name,
            run.info.start_time,
            run.info.end_time,
            run.data.metrics,
            run.data.params,
            run.data.tags.get("prefect.flow_run_id"),
            sorted(file.path for file in store.client.list_artifacts(run.info.run_id)),
        )
        for run in listed
    ]
    return found, sorted(runs, key=lambda run: run[0])


def test_runs_versions_and_aliases_come_back_as_they_were(
    history: Project, empty_store: Path
) -> None:
    before = everything(history)
    assert [v["aliases"] for v in before[0][:3]] == [["challenger"], ["previous"], ["champion"]]
    weights = history.root / "artifacts/student_tryon/model.safetensors"
    lose(history, empty_store)
    outcome = registry.sync()
    assert (outcome.champion, outcome.problems) == ("1", [])
    assert everything(history) == before
    assert registry.resolve(f"{STUDENT}@champion").read_text() == "student_tryon a"
    assert registry.resolve(f"{STUDENT}@challenger").read_bytes() == weights.read_bytes()
    assert registry.describe(f"{STUDENT}/1")["choice"]["reason"] == "the buyers like it"
    assert "-2 against the champion" in registry.describe(f"{STUDENT}/3")["gate"]["reason"]
    registry.rollback()
    assert registry.describe(f"{STUDENT}@champion")["version"] == 2
    registry.rollback()
    assert registry.describe(f"{STUDENT}@champion")["version"] == 1


def test_mirroring_again_writes_nothing_down(history: Project, empty_store: Path) -> None:
    names = Decisions(history.root).names()
    assert [name.split("-")[1] for name in names] == ["retraining", "decision"] * 3 + ["decision"]
    (history.root / ".work/registry.json").unlink()
    registry.sync()
    lose(history, empty_store)
    registry.sync()
    assert Decisions(history.root).names() == names


def test_a_version_without_weights_keeps_number_and_alias_and_says_so(
    history: Project, empty_store: Path
) -> None:
    lost = next(f for f in history.root.glob(".dvc/cache/**/*") if f.is_file()
                and f.read_bytes() == b"student_tryon a")  # fmt: skip
    kept = lost.read_bytes()
    lost.unlink()
    lose(history, empty_store)
    outcome = registry.sync()
    assert outcome.champion == "1"
    said = "not in DVC's cache: weights of pfafn-student 1; `dvc fetch"
    assert said in str(outcome) and str(outcome).count("not whole") == 1
    with pytest.raises(RegistryError, match="version 1 are gone"):
        registry.resolve(f"{STUDENT}@champion")
    assert registry.resolve(f"{STUDENT}/2").read_text() == "student_tryon b"
    assert registry.sync().problems == outcome.problems
    lost.write_bytes(kept)
    assert registry.sync().problems == []
    assert registry.resolve(f"{STUDENT}@champion").read_bytes() == kept


def test_a_spoilt_cache_is_not_believed(history: Project, empty_store: Path) -> None:
    for file in history.root.glob(".dvc/cache/**/*"):
        if file.is_file() and file.read_bytes() == b"student_tryon b":
            file.write_text("other weights")
    lose(history, empty_store)
    assert "weights of pfafn-student 2;" in str(registry.sync())


def test_a_version_whose_files_are_gone_becomes_no_champion(history: Project) -> None:
    shutil.rmtree(history.root / "mlartifacts")
    decided = Decisions(history.root).names()
    with pytest.raises(RegistryError, match="version 2 are gone"):
        registry.rollback()
    assert Decisions(history.root).names() == decided


def test_lost_files_go_back_to_their_versions_and_runs(history: Project) -> None:
    before = registry.listing()
    shutil.rmtree(history.root / "mlartifacts")
    assert registry.sync().problems == []
    assert registry.listing() == before
    assert registry.resolve(f"{STUDENT}/1").read_text() == "student_tryon a"


def test_what_was_decided_but_not_done_is_done_by_the_next_mirroring(history: Project) -> None:
    client = connect(history.root).client
    undone = client.get_registered_model("pfafn-student").tags["pfafn.decision"]
    registry.rollback("sleeves are wrong")
    for alias, version in (("champion", "1"), ("previous", "2")):  # as if interrupted in between
        client.set_registered_model_alias("pfafn-student", alias, version)
    client.set_registered_model_tag("pfafn-student", "pfafn.decision", undone)
    assert registry.sync().champion == "2"


def test_an_alias_that_was_moved_in_mlflow_is_written_down(
    history: Project, empty_store: Path
) -> None:
    client = connect(history.root).client
    client.set_registered_model_alias("pfafn-student", "champion", "2")
    registry.sync()
    lose(history, empty_store)
    assert registry.sync().champion == "2"
    assert "in MLflow itself" in registry.describe(f"{STUDENT}/2")["choice"]["reason"]


def test_what_an_experiment_made_comes_back_as_well(
    project: Project, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.retrain("a", 20)
    registry.sync()
    copy = project.retrain_in_copy(tmp_path / "copy", monkeypatch, "experiment", 30)
    keep_cache(copy, project)
    assert registry.sync().student == "2"
    assert not (copy.root / "decisions").exists()
    kinds = [name.split("-")[1] for name in Decisions(project.root).names()]
    assert kinds == ["retraining", "decision", "retraining"]
    monkeypatch.delenv("DVC_ROOT")
    monkeypatch.chdir(project.root)
    project.retrain("b", 21)
    assert registry.sync().student == "3"
    before = everything(project)
    lose(project, empty_store)
    assert registry.sync().problems == []
    assert everything(project) == before
    assert registry.resolve(f"{STUDENT}/2").read_text() == "student_tryon experiment"


def keep_cache(copy: Project, project: Project) -> None:
    """As DVC does: a copy of a project has its cache."""
    shutil.copytree(copy.root / ".dvc", project.root / ".dvc", dirs_exist_ok=True)


def test_a_number_of_which_no_fact_is_left_stays_and_says_so_until_the_fact_is_back(
    history: Project, empty_store: Path
) -> None:
    before = registry.listing()
    names = Decisions(history.root).names()
    second = history.root / "decisions" / f"{names[2]}.json"
    kept = second.read_text()
    second.unlink()
    lose(history, empty_store)
    outcome = registry.sync()
    assert "no file in decisions/ tells of pfafn-student 2" in str(outcome)
    assert [v["version"] for v in registry.listing() if v["name"] == "pfafn-student"] == [3, 2, 1]
    lost = registry.describe("2")
    assert lost["lost"]
    assert lost["sources"]["weights"] == ""
    with pytest.raises(RegistryError, match="version 2 are gone"):
        registry.resolve(f"{STUDENT}/2")
    second.write_text(kept)
    assert registry.sync().problems == []
    assert [v | {"sources": 0} for v in registry.listing()] == [v | {"sources": 0} for v in before]
    assert registry.resolve(f"{STUDENT}/2").read_text() == "student_tryon b"


def test_an_alias_of_unknown_weights_points_nowhere(history: Project, empty_store: Path) -> None:
    first = history.root / "decisions" / f"{Decisions(history.root).names()[0]}.json"
    first.unlink()
    lose(history, empty_store)
    outcome = registry.sync()
    assert outcome.champion == ""
    assert "pfafn-student@champion (SHA-256 " in str(outcome)
    assert ") points nowhere, as no file in decisions/ says how it was made" in str(outcome)


def test_while_a_decision_cannot_be_read_nothing_is_decided_and_all_is_written_down(
    history: Project,
) -> None:
    last = history.root / "decisions" / f"{Decisions(history.root).names()[-1]}.json"
    kept = last.read_text()
    last.write_text(kept[:40])
    history.retrain("d", 30)
    for _ in range(2):
        with pytest.raises(RegistryError, match=f"decisions/{last.name} cannot be read"):
            registry.sync()
    assert registry.describe(f"{STUDENT}@champion")["version"] == 1
    last.write_text(kept)
    assert registry.sync().champion == "4"


@pytest.mark.parametrize(
    ("name", "content"),
    [("z.json", ""), ("20260101T000000.000000Z-decision-a.json", ""), ("0.json", "{}"),
     ("20260101T000000.000000Z-decision-b.json", "[3]"), ("notes.json", "\0"),
     ("20260101T000000.000000Z-decision-c.json", "<<<<<<< a\n{}\n=======\n>>>>>>> b\n")],
)  # fmt: skip
def test_a_file_that_is_no_fact_is_named_and_keeps_none_from_being_written(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / "decisions").mkdir()
    (tmp_path / "decisions" / name).write_text(content)
    kept = Decisions(tmp_path)
    fact = kept.add("decision", "a" * 64, {"by": "gate", "student": {}, "reason": ""})
    facts, (problem,) = kept.read()
    assert [one.name for one in facts] == [fact.name]
    assert problem.startswith(f"decisions/{name} cannot be read")
    assert problem.endswith("restore it with git, or delete it")


def test_a_fact_is_later_than_those_of_a_clock_that_is_ahead(tmp_path: Path) -> None:
    kept = Decisions(tmp_path)
    first = kept.add("decision", "a" * 64, {"by": "gate"})
    ahead = tmp_path / "decisions" / f"29991231T000000.000000Z{first.name[23:]}.json"
    (tmp_path / "decisions" / f"{first.name}.json").rename(ahead)
    assert kept.add("decision", "b" * 64, {}).name > ahead.stem
    assert json.loads(ahead.read_text())["by"] == "gate"
