"""A run's own params are checked first, and the user's come back, however the run ends."""

import os
import shutil
import signal
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import yaml

from flows.dvc import ROOT
from flows.parameters import KEPT, OverrideError, Profile, applied
from pfafn.params.file import ParamsError

KILLED = """
import os, pathlib, signal, sys
from flows.parameters import applied
with applied(pathlib.Path(sys.argv[1]), "smoke", ["seed=8"], print):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def ignore(_: str) -> None:
    """A log that nobody reads."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def test_the_form_offers_every_profile_there_is() -> None:
    files = {file.stem for file in (ROOT / "profiles").glob("*.yaml")}
    assert set(typing.get_args(Profile)) == {"params.yaml", *files}


def test_without_a_wish_params_yaml_is_not_touched(root: Path) -> None:
    before = (root / "params.yaml").stat()
    with applied(root, "params.yaml", [], pytest.fail):
        pass
    assert (root / "params.yaml").stat() == before


def test_overrides_change_what_they_name_and_nothing_else(root: Path) -> None:
    own = (root / "params.yaml").read_bytes()
    wanted = yaml.safe_load(own)
    wanted["student_tryon"]["lr_warp"] = 1e-5
    wanted["model"]["channels"] = [8, 8, 8, 8, 8]
    wanted["seed"] = 3
    overrides = ["student_tryon.lr_warp=1.0e-5", "model.channels=[8, 8, 8, 8, 8]", "seed=3"]
    with applied(root, "params.yaml", overrides, ignore):
        assert yaml.safe_load((root / "params.yaml").read_text()) == wanted
    assert (root / "params.yaml").read_bytes() == own


def test_a_profile_replaces_the_whole_file(root: Path) -> None:
    with applied(root, "smoke", [], ignore):
        now = yaml.safe_load((root / "params.yaml").read_text())
        assert now == yaml.safe_load((root / "profiles/smoke.yaml").read_text())


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("student_warp.epochz=3", ParamsError, "student_warp.epochz = 3: Extra inputs"),
        ("student_warp.epochs=-3", ParamsError, "student_warp.epochs = -3: "),
        ("epochz=3", ParamsError, "epochz = 3: Extra inputs"),
        ("students.epochs=3", OverrideError, "has no section 'students'"),
        ("seed.deeper=3", OverrideError, "has no section 'seed'"),
        ("seed", OverrideError, "must be section.key=value, got 'seed'"),
        ("seed=[1", OverrideError, "not YAML"),
    ],
)
def test_a_bad_override_stops_before_anything_is_written(
    root: Path, override: str, error: type[Exception], message: str
) -> None:
    own = (root / "params.yaml").read_bytes()
    with pytest.raises(error, match=message), applied(root, "params.yaml", [override], ignore):
        pytest.fail("went on")
    assert (root / "params.yaml").read_bytes() == own
    assert not (root / KEPT).exists()


def test_the_own_file_comes_back_after_a_failure(root: Path) -> None:
    own = (root / "params.yaml").read_bytes()
    with pytest.raises(KeyboardInterrupt), applied(root, "smoke", [], ignore):
        raise KeyboardInterrupt
    assert (root / "params.yaml").read_bytes() == own


def kill_a_run(root: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(root)], env=environment)
    assert done.returncode == -signal.SIGKILL


def test_after_a_sigkill_the_next_run_starts_from_the_own_file(root: Path) -> None:
    own = (root / "params.yaml").read_bytes()
    kill_a_run(root)
    assert (root / "params.yaml").read_bytes() != own
    with applied(root, "params.yaml", [], ignore):
        assert (root / "params.yaml").read_bytes() == own


def test_what_was_edited_after_a_sigkill_stays_and_nothing_is_lost(root: Path) -> None:
    own = (root / "params.yaml").read_bytes()
    kill_a_run(root)
    (root / "params.yaml").write_text("seed: 9\n")
    with applied(root, "params.yaml", [], ignore):
        assert (root / "params.yaml").read_text() == "seed: 9\n"
    assert (root / ".work/params.before.yaml").read_bytes() == own
