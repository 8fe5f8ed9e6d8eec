"""The state in .work is one project's own: after a copy or a move, and of two clones at once."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from verbs import refused

from flows import deployments, owner, retrain, server, ui
from flows.dvc import ROOT
from flows.owner import FILE, WrongProject, settle


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has run, and nobody stands in it."""
    monkeypatch.chdir(tmp_path)
    assert settle(made(tmp_path / "first")) == ""
    return tmp_path / "first"


def made(root: Path) -> Path:
    root.mkdir()
    for name in ("dvc.yaml", "prefect.yaml"):
        (root / name).touch()
    return root


def known(root: Path) -> owner.Project:
    return owner.Project(**json.loads((root / FILE).read_text()))


def test_a_project_stays_itself_and_says_nothing(project: Path) -> None:
    before = known(project)
    assert before.root == str(project)
    assert settle(project) == ""
    assert known(project) == before


def test_a_moved_project_stays_itself_and_says_where_it_was(project: Path) -> None:
    before, now = known(project), project.rename(project.with_name("moved"))
    assert settle(now) == (
        f"this project was moved from {project} to {now}: its runs and schedules go on here"
    )
    assert known(now) == (before.id, str(now))
    assert settle(now) == ""


def test_a_copy_becomes_a_project_of_its_own_and_says_of_which_it_is_one(project: Path) -> None:
    before, copy = known(project), shutil.copytree(project, project.with_name("copy"))
    said = settle(copy)
    assert said.startswith(f"{copy} is a copy of the project {project}: its runs, schedules and")
    assert "pause the other's schedules" in said
    assert known(copy).root == str(copy) and known(copy).id != before.id
    assert known(project) == before
    assert settle(copy) == settle(project) == ""


def test_who_moved_is_no_copy_of_a_clone_that_took_its_place(project: Path) -> None:
    now = project.rename(project.with_name("moved"))
    assert settle(made(project)) == ""
    assert "was moved from" in settle(now)


def test_two_clones_at_once_do_not_know_of_each_other(project: Path) -> None:
    assert settle(second := made(project.with_name("second"))) == ""
    assert settle(project) == ""
    assert known(project).id != known(second).id


def test_two_clones_with_one_state_are_refused(project: Path) -> None:
    second = made(project.with_name("second"))
    (second / ".work").symlink_to(project / ".work")
    with pytest.raises(WrongProject, match=rf"{second}/.work is the state of .* {project}, too"):
        settle(second)
    assert known(project).root == str(project)


def test_another_name_of_the_same_folder_is_no_move(project: Path) -> None:
    link = project.with_name("link")
    link.symlink_to(project)
    assert settle(link) == ""
    assert known(project).root == str(project)


def test_an_old_place_where_nobody_can_look_is_one_that_was_left(project: Path) -> None:
    unreachable = f"/{300 * 'a'}"
    (project / FILE).write_text(json.dumps({"id": "a", "root": unreachable}))
    assert "was moved from" in settle(project)
    assert known(project) == ("a", str(project))


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"id": "a"}'])
def test_a_damaged_file_is_made_anew(project: Path, damaged: str) -> None:
    (project / FILE).write_text(damaged)
    assert settle(project) == ""
    assert known(project).root == str(project)


def test_the_code_of_one_project_does_not_run_for_who_stands_in_another(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The `pfafn` of a copied .venv leads to the project that it was installed from."""
    (folder := made(project.with_name("copy")) / "docs").mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(WrongProject, match=rf"run in the project {project}, but you are in .*copy"):
        settle(project)


@pytest.mark.parametrize("start", [retrain.main, deployments.main])
def test_what_starts_runs_asks_first_whose_state_it_is(
    start: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> str:
        raise WrongProject("two projects")

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["start"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(server, "url", lambda: "http://127.0.0.1:1/api")
    monkeypatch.setattr(server, "check", lambda: None)
    monkeypatch.setattr(owner, "settle", refuse)
    monkeypatch.setattr(retrain, "retrain", pytest.fail)
    monkeypatch.setattr(deployments, "serve", pytest.fail)
    with pytest.raises(SystemExit, match="error: two projects"):
        start()


def test_the_pages_are_those_of_the_project_that_one_stands_in(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.dvc.ROOT", project)
    monkeypatch.setattr(ui, "alone", pytest.fail)
    monkeypatch.chdir(made(project.with_name("copy")))
    assert f"run in the project {project}, but you are in" in refused("ui")
