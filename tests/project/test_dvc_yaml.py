"""dvc.yaml says exactly what each stage reads, and nothing else."""

import itertools
from pathlib import Path

import pytest
import yaml
from importgraph import ROOT, path_of, reached

from pfafn.params.file import Params

STAGES: dict[str, dict] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
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


def paths(stage: dict, *kinds: str) -> list[str]:
    """Paths of outs, metrics or plots; DVC writes them plain or as {path: options}."""
    items = itertools.chain.from_iterable(stage.get(kind, []) for kind in kinds)
    return [item if isinstance(item, str) else next(iter(item)) for item in items]


def written(stage: dict) -> list[str]:
    return paths(stage, "outs", "metrics", "plots")


def test_the_stages_stand_in_the_order_in_which_they_run() -> None:
    assert list(STAGES) == NAMES
    made: list[str] = []
    for name, stage in STAGES.items():
        artifacts = [dep for dep in stage["deps"] if dep.startswith("artifacts/")]
        missing = [d for d in artifacts if not any(_covers(out, d) for out in made)]
        assert not missing, f"{name} reads {missing} before anything wrote it"
        made += written(stage)


def _covers(out: str, dep: str) -> bool:
    return dep == out or dep.startswith(f"{out}/")


@each_stage
def test_a_stage_is_the_module_of_its_name(name: str) -> None:
    assert STAGES[name]["cmd"] == f"python -m pfafn.stages.{name}"
    assert path_of(f"pfafn.stages.{name}"), f"no module pfafn.stages.{name}"


@each_stage
def test_the_code_a_stage_depends_on_is_the_code_it_imports(name: str) -> None:
    files = {path_of(module) for module in reached(f"pfafn.stages.{name}")}
    needed = {str(file) for file in files if file and (ROOT / file).stat().st_size}
    listed = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    assert listed == needed, f"add {sorted(needed - listed)}, remove {sorted(listed - needed)}"


@each_stage
def test_every_params_key_is_a_section(name: str) -> None:
    keys = {field.alias or key for key, field in Params.model_fields.items()}
    assert set(STAGES[name]["params"]) <= keys
    assert name not in keys or name in STAGES[name]["params"]


@each_stage
def test_a_stage_writes_only_below_its_own_folder(name: str) -> None:
    assert all(path.startswith(f"artifacts/{name}/") for path in written(STAGES[name]))


@each_stage
def test_nothing_is_made_from_files_that_differ_between_equal_runs(name: str) -> None:
    """`register` shows figures and may read them; for the others they would break the cache."""
    volatile = [d for d in STAGES[name]["deps"] if d.endswith(("metrics.json", "provenance.json"))]
    assert not volatile or name == "register"


@each_stage
def test_every_stage_but_register_has_metrics_and_provenance(name: str) -> None:
    stage = STAGES[name]
    if name == "register":
        assert stage["always_changed"]
        assert not written(stage)
        return
    # Cached like the rest: experiments and other commits have their figures nowhere else.
    assert stage["metrics"] == [f"artifacts/{name}/metrics.json"]
    assert f"artifacts/{name}/provenance.json" in stage["outs"]


def test_changing_the_evaluation_or_the_gate_retrains_nothing() -> None:
    for section in ("evaluate", "register"):
        readers = [name for name, stage in STAGES.items() if section in stage["params"]]
        assert readers == [section]


def test_every_dependency_that_is_not_made_is_in_the_project() -> None:
    for name, stage in STAGES.items():
        given = [d for d in stage["deps"] if not d.startswith("artifacts/") and d != "data"]
        missing = [dep for dep in given if not Path(ROOT, dep).is_file()]
        assert not missing, f"{name} lists {missing}"
