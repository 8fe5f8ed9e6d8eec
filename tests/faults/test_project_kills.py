"""SIGKILL of everything that `dvc repro` or the flow has started; the next `dvc repro` mends it."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import clone
import numpy as np
import psutil
import pytest
from whole import DVC, FLOW, LOCKFILE, Undisturbed, environment, models, run

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("PFAFN_KILL_SEED", "0"))


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
    photos: Path, peaceful: Undisturbed, tmp_path: Path
) -> None:
    root = shutil.copytree(photos, tmp_path / "pfafn")
    rng = np.random.default_rng([SEED, 7])
    for command in (DVC, FLOW):
        assert killed(root, command, rng.uniform(0.15, 0.6) * peaceful.seconds)
    run(root, *LOCKFILE)  # the flow itself begins with it
    run(root, *DVC)
    assert models(root) == peaceful.models


def test_a_damaged_dvc_lock_stops_dvc_with_its_name_and_not_the_flow(
    photos: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(photos, tmp_path / "pfafn")
    (root / "dvc.lock").write_bytes(b"schema: '2.0'\nstages:\n  prepare: [\n")
    done = subprocess.run(DVC, cwd=root, env=environment(), text=True, capture_output=True)
    assert done.returncode != 0
    assert re.search(r"dvc\.lock", done.stderr)
    assert not (root / "artifacts").exists()
    assert "dvc.lock was not whole" in run(root, *FLOW, "prepare")
    assert (root / "artifacts/prepare/manifest.parquet").exists()
