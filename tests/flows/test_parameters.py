"""What a run with other params is given, and what is refused before anything runs."""

import shutil
import typing
from pathlib import Path

import pytest
import yaml

from flows.dvc import ROOT
from flows.parameters import OverrideError, Profile, others
from pfafn.params.section import ParamsError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def given(root: Path, profile: Profile, *overrides: str) -> object:
    """What a stage reads."""
    return yaml.safe_load(others(root, profile, overrides) or "")


def test_the_form_offers_every_profile_there_is() -> None:
    files = {file.stem for file in (ROOT / "profiles").glob("*.yaml")}
    assert set(typing.get_args(Profile)) == {"params.yaml", *files}


def test_without_a_wish_there_are_no_other_params(root: Path) -> None:
    assert others(root, "params.yaml", []) is None


def test_overrides_change_what_they_name_and_nothing_else(root: Path) -> None:
    wanted = yaml.safe_load((root / "params.yaml").read_text())
    wanted["student_tryon"]["lr_warp"] = 1e-5
    wanted["losses"]["distillation"]["mode"] = "none"
    wanted["model"]["channels"] = [8, 8, 8, 8, 8]
    wanted["prepare"]["limit"]["train"] = 12
    wanted["seed"] = 3
    overrides = ["student_tryon.lr_warp=1e-5", "losses.distillation.mode=none", "seed=3"]
    overrides += ["model.channels=[8, 8, 8, 8, 8]", "prepare.limit.train=12"]
    assert given(root, "params.yaml", *overrides) == wanted


def test_a_profile_stands_for_the_whole_file(root: Path) -> None:
    smoke = yaml.safe_load((root / "profiles/smoke.yaml").read_text())
    assert given(root, "smoke") == smoke
    assert given(root, "smoke", "seed=8") == smoke | {"seed": 8}


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("student_warp.epochz=3", ParamsError, "student_warp.epochz = 3: no such key"),
        ("student_warp.epochs=-3", ParamsError, "student_warp.epochs = -3: "),
        ("epochz=3", ParamsError, "epochz = 3: no such key"),
        ("students.epochs=3", ParamsError, "students = {'epochs': 3}: no such key"),
        ("seed.deeper=3", ParamsError, "seed = {'deeper': 3}: Input should be"),
        ("seed", OverrideError, "must be section.key=value, got 'seed'"),
        ("prepare.limit.train=", OverrideError, "got 'prepare.limit.train='"),
        ("seed=[1", OverrideError, r"seed=\[1: cannot be read"),
        ("model.channels.0=8", OverrideError, "model.channels.0=8: cannot be read"),
    ],
)
def test_a_bad_override_is_refused_by_name(
    root: Path, override: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        others(root, "params.yaml", ["image.height=64", override])


def test_a_params_file_that_is_wrong_itself_is_named(root: Path) -> None:
    (root / "params.yaml").write_text("seed: high\n")
    with pytest.raises(ParamsError, match=r"params.yaml: cannot be used: (.*; )*seed = 'high'"):
        others(root, "params.yaml", ["seed=3"])
