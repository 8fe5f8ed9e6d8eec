"""A project that was copied or moved retrains where it is, and nobody's files are touched."""

import shutil
from pathlib import Path

import clone
import pytest

pytestmark = pytest.mark.slow

STAGES = "stages: {mark: {cmd: pwd > made, deps: [README.md], outs: [made]}}"
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose only stage says where it runs, in which `pfafn ui` has run."""
    root = clone.make(tmp_path_factory.mktemp("clones") / "first")
    (root / "data.dvc").unlink()
    (root / "dvc.yaml").write_text(STAGES)
    with clone.ui(root) as running:
        expect_retrained(running, root)
    return root


def expect_retrained(ui: clone.Ui, root: Path) -> None:
    """After an edit of the README a run of the deployment runs the stage, where the edit is."""
    (root / "made").unlink(missing_ok=True)
    (root / "README.md").write_text(edit := f"an edit in {root}, {ui.prefect}")
    nightly = ui.api("deployments/name/retrain/nightly")
    assert nightly["path"] == str(root)
    made = ui.api(f"deployments/{nightly['id']}/create_flow_run", name="by-hand")["id"]
    clone.eventually(lambda: ui.api(f"flow_runs/{made}")["state_type"] in ENDED, 240)
    assert ui.api(f"flow_runs/{made}")["state"]["message"] == "new: mark"
    assert (root / "made").read_text() == f"{root}\n"
    assert (root / "README.md").read_text() == edit


def test_a_project_and_its_copy_retrain_at_once_each_by_itself(first: Path) -> None:
    with clone.ui(first) as ui:
        copy = shutil.copytree(first, first.with_name("copy"), symlinks=True)
        with clone.ui(copy) as beside:
            assert f"{copy} is a copy of the project {first}: " in beside.log.read_text()
            expect_retrained(beside, copy)
            expect_retrained(ui, first)
    assert (copy / "made").read_text() == f"{copy}\n"


def test_a_moved_project_goes_on_where_it_is(first: Path) -> None:
    moved = first.rename(first.with_name("moved"))
    with clone.ui(moved) as ui:
        assert f"this project was moved from {first} to {moved}: " in ui.log.read_text()
        expect_retrained(ui, moved)
    assert not first.exists()
