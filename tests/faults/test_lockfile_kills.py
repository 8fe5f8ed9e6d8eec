"""SIGKILL of DVC while it writes dvc.lock: looked after, the next `dvc repro` ends the same."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from whole import DVC, environment, run

from flows.lockfile import KEPT, is_whole, mend

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("PFAFN_KILL_SEED", "0"))
STRIKES = 6
STAGES = [f"stage{number}" for number in range(8)]
TEXT = "a text that makes dvc.lock longer than what is written at once " * 40


def change(root: Path, number: int) -> None:
    """Make all stages stale, with params that they have not had before."""
    raw = {name: f"{number} {TEXT}" for name in STAGES}
    (root / "params.yaml").write_text(yaml.safe_dump(raw))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which all stages have run; each says so in `ran`, and copies the params."""
    root = tmp_path_factory.mktemp("project")
    stages = {
        name: {
            "cmd": f"echo {name} >> ran; cp params.yaml {name}",
            "params": [name],
            "outs": [name],
        }
        for name in STAGES
    }
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    change(root, 0)
    run(root, *DVC[:-1], "init", "--no-scm", "--quiet")
    run(root, *DVC)
    mend(root, pytest.fail)
    return root


def stages_in(lock: Path) -> list[str]:
    return list(yaml.safe_load(lock.read_bytes())["stages"])


def strike(root: Path, at: int) -> None:
    """Start `dvc repro`, and kill it when it has begun dvc.lock anew and `at` bytes are there."""
    path = root / "dvc.lock"
    before = path.stat().st_size
    process = subprocess.Popen(
        DVC, cwd=root, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL
    )
    while path.stat().st_size >= before:
        assert process.poll() is None
    while path.stat().st_size < at and process.poll() is None:
        pass
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_while_it_writes_dvc_ends_as_if_it_had_not_been(made: Path, tmp_path: Path) -> None:
    root = shutil.copytree(made, tmp_path / "project")
    rng = np.random.default_rng([SEED, 9])
    halves = 0
    for number in range(1, STRIKES + 1):
        change(root, number)
        strike(root, int(rng.integers((root / "dvc.lock").stat().st_size)))
        half = not is_whole(root / "dvc.lock")
        said: list[str] = []
        mend(root, said.append)
        assert [text.startswith("dvc.lock") for text in said if "rwlock" not in text] == [
            True
        ] * half
        run(root, *DVC)
        mend(root, pytest.fail)
        params = (root / "params.yaml").read_bytes()
        assert all((root / name).read_bytes() == params for name in STAGES)
        assert stages_in(root / "dvc.lock") == STAGES
        halves += half
    assert len(list(root.glob("dvc.lock.damaged-*"))) == halves > 0
    # DVC may die before its cache knows of the stage that it was writing of: that one runs again.
    assert len((root / "ran").read_text().split()) <= len(STAGES) * (STRIKES + 1) + STRIKES


def test_of_a_dvc_lock_that_lacks_lines_dvc_completes_what_it_reads(
    made: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(made, tmp_path / "project")
    lines = (root / KEPT).read_bytes().splitlines(keepends=True)
    last = lines.index(f"  {STAGES[-1]}:\n".encode())
    completed = 0
    for end in range(last, len(lines)):
        (root / "dvc.lock").write_bytes(b"".join(lines[:end]))
        if TEXT[:30].encode() not in lines[end] and is_whole(root / "dvc.lock"):
            run(root, *DVC)
            assert stages_in(root / "dvc.lock") == STAGES
            completed += 1
    assert completed > 3
    assert (root / "ran").read_text().split() == STAGES
