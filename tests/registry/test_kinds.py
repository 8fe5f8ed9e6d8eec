"""Versions that DVC itself made, also in experiments, come back with a lost registry.

The stages are stand-ins that take no time; DVC, its experiments and its cache are real.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import retraining
import yaml

pytestmark = pytest.mark.slow
HERE = Path(retraining.__file__).parent
STAGES = {  # what each one reads of what others wrote
    "tutor_tryon": [],
    "student_tryon": ["tutor_tryon/model.safetensors"],
    "evaluate": ["student_tryon/model.safetensors", "tutor_tryon/model.safetensors"],
}
STAND_IN = """
import json, sys
from pathlib import Path
import yaml
from pfafn.kit.versions import git_commit
name, seed = sys.argv[1], yaml.safe_load(Path("params.yaml").read_text())["seed"]
folder = Path("artifacts", name)
folder.mkdir(parents=True, exist_ok=True)
if name == "evaluate":
    from retraining import scores_of
    scores_of(folder, 20 + seed / 10, "p1")
else:
    (folder / "metrics.json").write_text(json.dumps({"loss": seed}))
if name.endswith("tryon"):
    (folder / "model.safetensors").write_text(name if name == "tutor_tryon" else f"student {seed}")
(folder / "provenance.json").write_text(json.dumps({"seconds": 1, "commit": git_commit()}))
"""


class Project:
    """A repository with DVC in which `seed` decides how good the student is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        python = f"{sys.executable} -m pfafn.stages.register"
        outs = {"evaluate": ["samples.parquet", "protocol.json"]}
        stages = {
            name: {
                "cmd": f"{sys.executable} stand_in.py {name}",
                "deps": [f"artifacts/{path}" for path in reads],
                "params": ["seed"],
                "outs": [
                    f"artifacts/{name}/{file}"
                    for file in ("metrics.json", "provenance.json", *outs.get(name, ()),
                                 *(["model.safetensors"] if name.endswith("tryon") else []))
                ],
            }
            for name, reads in STAGES.items()
        }  # fmt: skip
        stages["register"] = {"cmd": python, "always_changed": True,
                              "deps": ["artifacts/evaluate/metrics.json"]}  # fmt: skip
        (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
        (root / "stand_in.py").write_text(STAND_IN)
        ignored = ("/artifacts", "/.work/", "/mlflow.db*", "/mlartifacts/", "__pycache__/")
        (root / ".gitignore").write_text("\n".join(ignored))
        shutil.copy(retraining.ROOT / "params.yaml", root)
        shutil.copytree(retraining.ROOT / "pfafn", root / "pfafn")
        for words in ("git init -q", "dvc init -q", "git add .", "git commit -qm first"):
            self.run(*words.split())

    def run(self, *words: str, **settings: str) -> str:
        who = {f"GIT_{role}_{part}": "t@t" for role in ("AUTHOR", "COMMITTER")
               for part in ("NAME", "EMAIL")}  # fmt: skip
        program = [sys.executable, "-m"] if words[0] in ("dvc", "pfafn") else []
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # for the queue
        ours = {"PATH": path, "PYTHONPATH": str(HERE), "DVC_NO_ANALYTICS": "1"}
        environment = os.environ | who | ours | settings
        done = subprocess.run(
            [*program, *words], cwd=self.root, env=environment, text=True, capture_output=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def retrain(self, seed: int) -> None:
        file = self.root / "params.yaml"
        params = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump(params | {"seed": seed}))
        self.run("dvc", "repro", "-q")

    def listed(self) -> list[dict[str, Any]]:
        """All versions, but for the names that MLflow draws."""
        found = json.loads(self.run("pfafn", "registry", "list", "--json"))
        return [{**version, "sources": None} for version in found]


def test_versions_that_dvc_made_in_any_way_come_back(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.retrain(1)
    experiment = ("dvc", "exp", "run", "-q")
    project.run(*experiment, "--temp", "-S", "seed=2", PFAFN_PROMOTE="yes")  # as with an override
    project.run(*experiment, "--temp", "-S", "seed=9")
    project.run(*experiment, "--queue", "-S", "seed=8")
    project.run(*experiment, "--run-all")
    project.retrain(0)
    project.run("pfafn", "registry", "rollback", "--reason", "sleeves are wrong")
    before = project.listed()
    students = [version for version in before if version["name"] == "pfafn-student"]
    assert [(version["version"], version["aliases"]) for version in students] == [
        (5, ["challenger"]), (4, []), (3, []), (2, []), (1, ["champion"]),
    ]  # fmt: skip
    assert [len(v["lineage"].get("dvc.experiment", "")) > 0 for v in students[1:3]] == [True, True]
    (project.root / "mlflow.db").unlink()
    shutil.rmtree(project.root / "mlartifacts")
    assert json.loads(project.run("pfafn", "registry", "sync", "--json"))["problems"] == []
    assert project.listed() == before


def test_an_experiment_is_written_down_and_says_whether_the_code_was_changed(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path)
    project.retrain(1)
    project.run("git", "add", ".")
    project.run("git", "commit", "-qm", "a champion")
    experiment = ("dvc", "exp", "run", "-q", "-S")
    project.run(*experiment, "seed=2", "-n", "clean")
    with (project.root / "pfafn/kit/progress.py").open("a") as code:
        code.write("# tried\n")
    project.run(*experiment, "seed=3", "-n", "aside", "--temp")
    project.run(*experiment, "seed=4", "-n", "here")
    made = {
        version["lineage"].get("dvc.experiment"): (version["lineage"]["git.dirty"], version["gate"])
        for version in project.listed()
        if version["name"] == "pfafn-student"
    }
    assert {name: dirty for name, (dirty, _) in made.items()} == {
        None: "false", "clean": "false", "aside": "true", "here": "true",
    }  # fmt: skip
    decided = {name for name, (_, gate) in made.items() if gate}
    assert decided == {None, "clean", "here"}  # a run aside is written down, and not judged
