"""dvc.yaml says exactly what each stage reads, and nothing else."""

from pathlib import Path

import pytest
import yaml
from declared import RUN_IF_STALE, STAGES, covers, paths, written
from dvcdeps import DECIDES_NOTHING, FILE, code_of, deciding_code, files_of
from importgraph import ROOT, path_of, reached

from pfafn.params.file import Params
from pfafn.stages.reads import is_code

NAMES = [
    "prepare",
    "annotate",
    "tutor_warp",
    "tutor_tryon",
    "fakes",
    "student_warp",
    "student_tryon",
    "evaluate",
    "register",
]
each_stage = pytest.mark.parametrize("name", NAMES)
each_cached = pytest.mark.parametrize("name", RUN_IF_STALE)


def test_it_can_be_read_at_one_sitting() -> None:
    assert len(FILE.read_text().splitlines()) <= 250


def test_the_stages_stand_in_the_order_in_which_they_run() -> None:
    assert list(STAGES) == NAMES
    made: list[str] = []
    for name, stage in STAGES.items():
        artifacts = [dep for dep in stage["deps"] if dep.startswith("artifacts/")]
        missing = [d for d in artifacts if not any(covers(out, d) for out in made)]
        assert not missing, f"{name} reads {missing} before anything wrote it"
        made += written(name)


@each_stage
def test_a_stage_is_the_module_of_its_name(name: str) -> None:
    assert STAGES[name]["cmd"] == f"python -m pfafn.stages.{name}"
    assert path_of(f"pfafn.stages.{name}"), f"no module pfafn.stages.{name}"


@each_cached
def test_the_code_a_stage_depends_on_is_the_code_that_decides_its_bytes(name: str) -> None:
    listed = set().union(*(files_of(dep) for dep in STAGES[name]["deps"] if is_code(dep)))
    needed = deciding_code(name)
    assert listed == needed, (
        f"add {sorted(map(str, needed - listed))}, remove {sorted(map(str, listed - needed))}: "
        "`python tests/dvcdeps.py` does it; or say in pfafn/stages/reads.py why it decides nothing"
    )


@each_cached
def test_a_folder_stands_where_all_of_it_is_needed(name: str) -> None:
    assert [dep for dep in STAGES[name]["deps"] if is_code(dep)] == code_of(name)


@each_cached
def test_nothing_that_decides_hides_behind_what_decides_nothing(name: str) -> None:
    def exempt(module: str) -> bool:
        return module in DECIDES_NOTHING or module.rpartition(".")[0] in DECIDES_NOTHING

    files = {path_of(module) for module in reached(f"pfafn.stages.{name}") if not exempt(module)}
    assert {file for file in files if (ROOT / file).stat().st_size} <= deciding_code(name)


def test_what_decides_nothing_is_there_and_is_led_to() -> None:
    led_to = set().union(*(reached(f"pfafn.stages.{name}") for name in NAMES))
    assert sorted(set(DECIDES_NOTHING) - led_to) == []


def test_networks_losses_and_photos_always_decide() -> None:
    folders = {module.split(".")[1] for module in DECIDES_NOTHING}
    assert folders == {"workers", "kit", "params", "stages", "training"}


def test_register_always_runs_and_needs_no_code() -> None:
    assert STAGES["register"]["always_changed"]
    assert not any(map(is_code, STAGES["register"]["deps"]))


@each_stage
def test_every_params_key_is_a_section(name: str) -> None:
    keys = {field.alias or key for key, field in Params.model_fields.items()}
    sections = {key.partition(".")[0] for key in STAGES[name]["params"]}
    assert sections <= keys
    assert name not in keys or name in STAGES[name]["params"]


@each_stage
def test_a_stage_writes_only_below_its_own_folder(name: str) -> None:
    assert all(path.startswith(f"artifacts/{name}/") for path in written(name))


@each_stage
def test_nothing_is_made_from_files_that_differ_between_equal_runs(name: str) -> None:
    """`register` shows figures and may read them; for the others they would break the cache."""
    volatile = [d for d in STAGES[name]["deps"] if d.endswith(("metrics.json", "provenance.json"))]
    assert not volatile or name == "register"


@each_stage
def test_every_stage_but_register_has_metrics_and_provenance(name: str) -> None:
    stage = STAGES[name]
    if name == "register":
        assert not written(name)
        return
    # Cached like the rest: experiments and other commits have their figures nowhere else.
    assert paths(stage, "metrics") == [f"artifacts/{name}/metrics.json"]
    assert f"artifacts/{name}/provenance.json" in stage["outs"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(("_warp", "_tryon"))])
def test_dvc_plots_the_total_loss_of_every_training_over_its_steps(name: str) -> None:
    curve, picture = STAGES[name]["plots"]
    assert curve == {f"artifacts/{name}/curve.csv": {"x": "step", "y": "total"}}
    assert picture == f"artifacts/{name}/curve.png"


@each_stage
def test_every_dependency_that_is_not_made_is_in_the_project(name: str) -> None:
    given = [d for d in STAGES[name]["deps"] if not d.startswith("artifacts/") and d != "data"]
    assert [dep for dep in given if not Path(ROOT, dep).exists()] == []


def test_compiled_files_in_a_folder_of_code_change_nothing() -> None:
    assert "__pycache__" in (ROOT / ".dvcignore").read_text().splitlines()


def test_each_model_that_is_had_by_name_is_one_that_a_stage_writes() -> None:
    named = yaml.safe_load(FILE.read_text())["artifacts"]
    made = {out for name in NAMES for out in written(name)}
    assert {name: one["path"] in made for name, one in named.items()} == {
        "student": True, "tutor": True,
    }  # fmt: skip
