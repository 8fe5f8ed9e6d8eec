"""A retraining's files without the hours: dvc.lock and artifacts/ as the stages leave them."""

import copy
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pfafn.kit.versions import PACKAGE
from pfafn.registry import stored
from pfafn.registry.store import connect

ROOT = Path(__file__).parents[1]
PAIRS = 12


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


class Project:
    """A project folder in which one call leaves what a `dvc repro` would."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        (root / "dvc.yaml").write_text("stages: {}\n")
        params = yaml.safe_load((ROOT / "params.yaml").read_text())
        params["register"] = {"metric": "unpaired.psnr_clothes", "margin": 0.0}
        (root / "params.yaml").write_text(yaml.safe_dump(params))
        self.stages: dict[str, dict] = {}

    def register(self, **settings: object) -> None:
        """Change the register section of params.yaml."""
        params = yaml.safe_load((self.root / "params.yaml").read_text())
        params["register"] |= settings
        (self.root / "params.yaml").write_text(yaml.safe_dump(params))

    def retrain(
        self, model: str = "a", quality: float = 20.0, photos: str = "p1", commit: str = "c0ffee"
    ) -> None:
        """A whole retraining: weights named `model`, that score about `quality`."""
        self._stage("prepare", {"data": photos}, report={"rejected": []})
        for tutor in ("tutor_warp", "tutor_tryon"):
            self._stage(tutor, {"data": photos}, weights=f"tutor {photos}", commit=commit)
        tutor_file = "artifacts/tutor_tryon/model.safetensors"
        self._stage("fakes", {tutor_file: self._md5(tutor_file)}, shards=photos)
        self._stage(
            "student_tryon", {"artifacts/fakes/shards": f"{photos}.dir"}, weights=model,
            commit=commit,
        )  # fmt: skip
        self.evaluate(quality, photos)

    def retrain_in_copy(
        self, root: Path, patch: pytest.MonkeyPatch, *model: Any, **changes: Any
    ) -> "Project":
        """The same in a temporary copy, as DVC's experiments run in; the test goes on there."""
        made = Project(root)
        made.retrain(*model, **changes)
        patch.chdir(made.root)
        patch.setenv("DVC_ROOT", str(self.root))
        return made

    def copied(self, root: Path, patch: pytest.MonkeyPatch) -> "Project":
        """A copy of the whole folder, registry and all; the test goes on there."""
        shutil.copytree(self.root, root, symlinks=True)
        made = copy.copy(self)
        made.root, made.stages = root, copy.deepcopy(self.stages)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(root)
        return made

    def evaluate(self, quality: float, photos: str = "p1", broken: int = 0) -> None:
        """Score the student; `broken` of its pairs failed (NaN)."""
        folder = self.root / "artifacts/evaluate"
        scores_of(folder, quality, photos, broken)
        student = "artifacts/student_tryon/model.safetensors"
        scores = json.loads((folder / "metrics.json").read_text())
        self._stage("evaluate", {student: self._md5(student)}, metrics=scores, quality=quality)

    def _md5(self, path: str) -> str:
        return md5(self.root / path)

    def _stage(
        self, name: str, deps: dict[str, str], *, weights: str = "", shards: str = "",
        commit: str = "", metrics: dict | None = None, **extra: object,
    ) -> None:  # fmt: skip
        folder = self.root / "artifacts" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps(metrics or {"loss": 0.5, "none": None}))
        provenance = {"seconds": 2.5, "commit": commit or None, "libraries": {"torch": "1"}}
        (folder / "provenance.json").write_text(json.dumps(provenance | extra))
        if weights:
            (folder / "model.safetensors").write_text(f"{name} {weights}")
            (folder / "curve.csv").write_text("step,epoch,lr,l1\n0,0,0.1,2\n10,1,0.1,1\n")
        if shards:
            (folder / "shards").mkdir(exist_ok=True)
        self._lock(name, deps, f"{shards}.dir" if shards else "")
        self.write_lock()

    def _lock(self, name: str, deps: dict[str, str], shards: str) -> None:
        """Let dvc.lock and DVC's cache have the files of a stage as they are."""
        files = [f for f in (self.root / "artifacts" / name).iterdir() if f.is_file()]
        outs = [{"path": str(f.relative_to(self.root)), "md5": md5(f)} for f in files]
        for file, out in zip(files, outs, strict=True):
            cached = self.cached(out["md5"])
            cached.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, cached)
        if shards:
            outs.append({"path": f"artifacts/{name}/shards", "md5": shards})
        self.stages[name] = {
            "cmd": f"python -m pfafn.stages.{name}",
            "deps": [{"path": path, "md5": value} for path, value in deps.items()],
            "params": {"params.yaml": {name: {"batch": 4}}},
            "outs": outs,
        }

    def relock(self) -> None:
        """Take over what was changed in artifacts/ by other means."""
        for name, stage in self.stages.items():
            deps = {item["path"]: item["md5"] for item in stage["deps"]}
            now = {path: self._md5(path) for path in deps if (self.root / path).is_file()}
            folders = [item["md5"] for item in stage["outs"] if item["md5"].endswith(".dir")]
            self._lock(name, deps | now, "".join(folders))
        self.write_lock()

    def cached(self, digest: str) -> Path:
        """Where DVC's cache has the file with this MD5."""
        return self.root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]

    def put_networks(self, height: int = 64, width: int = 96) -> None:
        """Real, tiny, untrained networks in place of the stand-ins."""
        from pfafn.models.tryon import TryOnNet
        from pfafn.weights import model_file

        for role in ("tutor", "student"):
            file = self.root / f"artifacts/{role}_tryon/model.safetensors"
            net = TryOnNet(role, [8] * 5, 8, 4)
            model_file.save(net, file, {"image": [height, width]})
        self.relock()

    def write_lock(self) -> None:
        lock = {"schema": "2.0", "stages": self.stages}
        (self.root / "dvc.lock").write_text(yaml.safe_dump(lock))


def scores_of(folder: Path, quality: float, photos: str, broken: int = 0) -> None:
    """What stage `evaluate` writes of a student that scores about `quality` on `photos`."""
    truth = np.random.default_rng(0).normal(0, 0.5, PAIRS)
    rows = [
        {"item": i, "person": f"{i:06}_0", "garment": i + 1, "protocol": "unpaired",
         "model": model, "ssim": 0.8,
         "psnr_clothes": np.nan if model == "student" and i < broken else base + truth[i]}
        for model, base in (("student", quality), ("person", 9.0))
        for i in range(PAIRS)
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(folder / "samples.parquet")
    (folder / "protocol.json").write_text(json.dumps({"name": "v", "pairs": f"of {photos}"}))
    (folder / "grid.png").write_bytes(b"\x89PNG")
    scores = {"unpaired": {"student": {"psnr_clothes": quality}}}
    (folder / "metrics.json").write_text(json.dumps(scores))


def new_project(folder: Path, empty_store: Path, patch: pytest.MonkeyPatch) -> Project:
    made = Project(folder / "project")
    shutil.copy(empty_store, made.root / "mlflow.db")
    patch.setattr(stored, "PACKAGE", lean_package(folder))
    patch.setattr(stored, "REQUIREMENTS", ("mlflow",))  # each is looked up among all there are
    patch.chdir(made.root)
    ours = ("PFAFN_FLOW_RUN_ID", "PFAFN_PROMOTE", "DVC_ROOT", "DVC_EXP_NAME")
    for name in (*ours, "MLFLOW_TRACKING_URI", "PREFECT__FLOW_RUN_ID"):
        patch.delenv(name, raising=False)
    return made


def lean_package(folder: Path) -> Path:
    """Of our code only what MLflow looks at: copies of all of it would take most of the time."""
    served = folder / PACKAGE.name / "inference/served.py"
    served.parent.mkdir(parents=True)
    shutil.copy(PACKAGE / "inference/served.py", served)
    return folder / PACKAGE.name


def close(project: Project) -> None:
    """Let MLflow drop what it remembers of the database, before a test puts another there."""
    client = connect(project.root).client
    for store in (client._tracking_client.store, client._get_registry_client().store):
        store.engine.dispose()
