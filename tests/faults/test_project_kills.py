"""SIGKILL of everything that `dvc repro` or the flow has started; the next `dvc repro` mends it."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import clone
import numpy as np
import psutil
import pytest

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("PFAFN_KILL_SEED", "0"))
DVC = (sys.executable, "-m", "dvc", "repro")
FLOW = (sys.executable, "-m", "flows.retrain")
PEOPLE = ("--train", "8", "--test", "4", "--height", "128", "--width", "96")


def run(root: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=root, env=environment(), text=True, stdout=-1, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return clone.environment() | {"PATH": path, "PFAFN_CHECKPOINT_STEPS": "1"}


def models(root: Path) -> dict[str, str]:
    files = sorted(root.glob("artifacts/*/model.safetensors"))
    return {f.parent.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with photos in which nothing has run."""
    root = clone.make(tmp_path_factory.mktemp("photos") / "pfafn")
    shutil.copy(root / "profiles/smoke.yaml", root / "params.yaml")
    run(root, sys.executable, "-m", "pfafn", "synth", *PEOPLE)
    return root


@pytest.fixture(scope="module")
def undisturbed(
    photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], float]:
    """The models that nobody disturbed, and the seconds they took."""
    root = shutil.copytree(photos, tmp_path_factory.mktemp("undisturbed") / "pfafn")
    began = time.monotonic()
    run(root, *DVC)
    return models(root), time.monotonic() - began


def killed(root: Path, command: tuple[str, ...], seconds: float) -> bool:
    """Run a command in a session of its own and kill all of it then; False if it was done."""
    process = subprocess.Popen(
        command, cwd=root, env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        started = clone.processes(root)
        for one in started:
            one.kill()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # To DVC a process that nobody has buried yet still holds its lock.
        clone.eventually(lambda: not any(psutil.pid_exists(one.pid) for one in started), 60)
        return True
    return False


def test_killed_under_dvc_and_then_under_the_flow_the_whole_ends_the_same(
    photos: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path
) -> None:
    expected, seconds = undisturbed
    root = shutil.copytree(photos, tmp_path / "pfafn")
    rng = np.random.default_rng([SEED, 7])
    for command in (DVC, FLOW):
        assert killed(root, command, rng.uniform(0.15, 0.6) * seconds)
    run(root, *DVC)
    assert models(root) == expected


def test_a_damaged_dvc_lock_stops_dvc_with_its_name(
    photos: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path
) -> None:
    root = shutil.copytree(photos, tmp_path / "pfafn")
    (root / "dvc.lock").write_bytes(b"schema: '2.0'\nstages:\n  prepare: [\n")
    done = subprocess.run(DVC, cwd=root, env=environment(), text=True, capture_output=True)
    assert done.returncode != 0
    assert re.search(r"dvc\.lock", done.stderr)
    assert not (root / "artifacts").exists()
