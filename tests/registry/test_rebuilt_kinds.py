"""A rebuilt registry lists what it listed before, of whatever kind of run a version came."""

import shutil
from pathlib import Path

import pytest
from retraining import Project, close

from pfafn import registry

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
KINDS = (  # name, quality, and what the environment says of a run in a copy
    ("plain", 20, None),
    ("better", 21, None),
    ("override", 22, {"PFAFN_PROMOTE": "yes", "PFAFN_FLOW_RUN_ID": "flow-3"}),
    ("held back", 30, {"PFAFN_PROMOTE": "no", "PFAFN_FLOW_RUN_ID": "flow-4"}),
    ("temp", 31, {"DVC_EXP_NAME": "rusty-ibis"}),
    ("queue", 32, {"DVC_EXP_NAME": "moist-foal"}),
    ("best", 23, None),
    ("worse", 19, None),
)


@pytest.fixture
def eight(project: Project, tmp_path: Path) -> Project:
    """Version 8 of all kinds; the seventh won, and was rolled back."""
    for name, quality, told in KINDS:
        with pytest.MonkeyPatch.context() as patch:
            if told is None:
                project.retrain(name, quality)
            else:
                copy = project.retrain_in_copy(tmp_path / name, patch, name, quality)
                shutil.copytree(copy.root / ".dvc", project.root / ".dvc", dirs_exist_ok=True)
                for variable, value in told.items():
                    patch.setenv(variable, value)
            registry.sync()
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    registry.rollback("sleeves are wrong")
    return project


def listed() -> list[dict]:
    """All versions, but for the names that MLflow draws."""
    return [version | {"sources": None} for version in registry.listing()]


def test_numbers_aliases_scores_and_decisions_of_all_kinds_come_back(
    eight: Project, empty_store: Path
) -> None:
    before = listed()
    students = [v for v in before if v["name"] == "pfafn-student"]
    assert [v["version"] for v in students] == [8, 7, 6, 5, 4, 3, 2, 1]
    aliases = {v["version"]: v["aliases"] for v in students if v["aliases"]}
    assert aliases == {3: ["champion"], 2: ["previous"], 8: ["challenger"]}
    assert [v["lineage"].get("dvc.experiment") for v in students[2:4]] == [
        "moist-foal", "rusty-ibis",
    ]  # fmt: skip
    close(eight)
    shutil.copy(empty_store, eight.root / "mlflow.db")
    shutil.rmtree(eight.root / "mlartifacts")
    assert registry.sync().problems == []
    assert listed() == before
