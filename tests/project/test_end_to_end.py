"""From photos to a registered champion and back, on a drawn set of a few people.

The tests share one project and stand in the order in which a user would do these things.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import declared
import pytest
import yaml

from pfafn.photos.images import read_rgb

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STAGES = ["prepare", "annotate", "tutor_warp", "tutor_tryon"]
STAGES += ["fakes", "student_warp", "student_tryon", "evaluate"]
CHAMPION = "models:/pfafn-student@champion"
BARE = """
import runpy, sys
sys.modules.update(dict.fromkeys(("dvc", "mlflow", "prefect")))
sys.argv = [sys.argv[1]]
runpy.run_module(f"pfafn.stages.{sys.argv[0]}", run_name="__main__", alter_sys=True)
"""


class Project:
    """A clone of this repository with photos and the smoke profile."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str) -> str:
        """Run a command in the project; its output, standard error included."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout

    def dvc(self, *words: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *words)

    def pfafn(self, *words: str) -> str:
        return self.run(sys.executable, "-m", "pfafn", *words)

    def models(self) -> dict[str, str]:
        """SHA-256 of each model."""
        files = sorted(self.root.glob("artifacts/*/model.safetensors"))
        return {f.parent.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    def provenance(self, stage: str) -> dict:
        return json.loads((self.root / f"artifacts/{stage}/provenance.json").read_text())


def environment() -> dict[str, str]:
    """Ours, without what would lead a tool to state outside the project."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "PREFECT"))}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
    }


def ran(log: str) -> list[str]:
    """The stages that a `dvc repro` ran."""
    return re.findall(r"Running stage '(\w+)'", log)


def tracked() -> Iterator[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return filter(None, listed.stdout.split("\0"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("clone") / "pfafn"
    for name in tracked():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    shutil.copy(root / "profiles/smoke.yaml", root / "params.yaml")
    made = Project(root)
    made.run("git", "init", "-q")
    made.run("git", "add", "-A")
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    made.run("git", *identity, "commit", "-q", "-m", "clone")
    made.pfafn("synth", "--train", "16", "--test", "6", "--height", "128", "--width", "96")
    return made


def test_one_command_leads_from_photos_to_a_champion(project: Project) -> None:
    assert ran(project.dvc("repro")) == [*STAGES, "register"]
    champion = json.loads(project.pfafn("registry", "show", "--json"))
    assert champion["aliases"] == ["champion"]
    assert champion["scores"]["unpaired.psnr_clothes"] > 0
    assert champion["lineage"]["tutor.version"] == "1"
    assert (project.root / "artifacts/evaluate/grid.png").is_file()


def test_what_a_stage_read_is_what_dvc_yaml_lists(project: Project) -> None:
    whole = declared.leaves(yaml.safe_load((project.root / "params.yaml").read_text()))
    for stage in STAGES:
        provenance = project.provenance(stage)
        assert set(provenance["inputs"]) == declared.inputs(stage), stage
        params = {leaf for leaf in whole if declared.reads_param(stage, leaf)}
        assert set(declared.leaves(provenance["params"])) == params, stage


def test_a_second_time_nothing_runs_but_register_and_that_at_once(project: Project) -> None:
    started = time.monotonic()
    assert ran(project.dvc("repro")) == ["register"]
    assert time.monotonic() - started < 8  # 4 s where nothing else runs
    status = json.loads(project.dvc("status", "--json"))
    assert status == {"register": ["always changed"]}


def test_the_champion_dresses_a_person_from_the_command_line(project: Project) -> None:
    person = next((project.root / "data/test_img").iterdir())
    garment = next((project.root / "data/test_color").iterdir())
    words = ["--person", str(person), "--garment", str(garment), "--out", "worn.png"]
    project.pfafn("tryon", "--model", CHAMPION, *words)
    assert read_rgb(project.root / "worn.png").shape == read_rgb(person).shape


def test_the_flow_finds_everything_up_to_date(project: Project) -> None:
    log = project.run(sys.executable, "-m", "flows.retrain")
    assert ran(log) == ["register"]
    assert "Completed" in log


def test_a_retraining_with_other_params_leaves_the_project_as_it_is(project: Project) -> None:
    files = [project.root / name for name in ("params.yaml", "dvc.lock", "data.dvc")]
    before, models = [file.read_bytes() for file in files], project.models()
    log = project.run(
        sys.executable, "-m", "flows.retrain", "--set", "student_tryon.epochs=2", "--no-promote"
    )
    assert ran(log) == ["student_tryon", "evaluate", "register"]
    assert ([file.read_bytes() for file in files], project.models()) == (before, models)
    versions = json.loads(project.pfafn("registry", "list", "--json"))
    [student] = [v for v in versions if v["aliases"] == ["challenger"]]
    assert student["gate"]["reason"]


def test_another_picture_grid_retrains_nothing(project: Project) -> None:
    before = project.models()
    params = yaml.safe_load((project.root / "params.yaml").read_text())
    params["evaluate"]["grid_rows"] += 1
    (project.root / "params.yaml").write_text(yaml.safe_dump(params))
    assert ran(project.dvc("repro")) == ["evaluate", "register"]
    assert project.models() == before


def test_another_loss_makes_the_models_stale(project: Project) -> None:
    losses = project.root / "pfafn/learning/losses.py"
    text = losses.read_text()
    losses.write_text(f"{text}\n# changed\n")
    stale = set(json.loads(project.dvc("status", "--json")))
    losses.write_text(text)
    assert {"tutor_warp", "tutor_tryon", "student_warp", "student_tryon"} <= stale
    assert not stale & {"prepare", "annotate"}


def test_each_stage_runs_alone_without_the_tools_and_makes_the_same_models(
    project: Project,
) -> None:
    before = project.models()
    for stage in STAGES:
        project.run(sys.executable, "-c", BARE, stage)
    assert project.models() == before


def test_doing_everything_again_makes_the_same_models_and_versions(project: Project) -> None:
    before = project.models()
    assert ran(project.dvc("repro", "--force")) == [*STAGES, "register"]
    assert project.models() == before
    versions = json.loads(project.pfafn("registry", "list", "--json"))
    assert [v["version"] for v in versions] == [2, 1, 1]


def test_a_deleted_registry_comes_back(project: Project) -> None:
    (project.root / "mlflow.db").unlink()
    shutil.rmtree(project.root / "mlartifacts")
    project.pfafn("registry", "sync")
    champion = json.loads(project.pfafn("registry", "show", "--json"))
    assert (champion["version"], champion["aliases"]) == (1, ["champion"])
