"""What a stage declares to DVC is what it reads, and what its unfinished work is kept under."""

import importlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
import yaml
from declared import RUN_IF_STALE, inputs, leaves, reads_param, written
from importgraph import ROOT

from pfafn.kit.files import content_hash
from pfafn.params.file import Params
from pfafn.stages import output
from pfafn.stages.output import StageOutput

CONTENT = yaml.safe_load((ROOT / "params.yaml").read_text())
COMPUTE = ["tutor_warp", "tutor_tryon", "fakes", "student_warp", "student_tryon", "evaluate"]
each_stage = pytest.mark.parametrize("stage", RUN_IF_STALE)


class Begun(Exception):
    """A stage has said what it reads and has done nothing yet."""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with something in the place of the photos and of all that stages write."""

    def stop(*of: Any) -> NoReturn:
        raise Begun(StageOutput(*of))

    for path in ["data", *itertools.chain.from_iterable(map(written, RUN_IF_STALE))]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "StageOutput", stop)
    for stage in ("prepare", "annotate"):  # which look at the photos first
        monkeypatch.setattr(f"pfafn.stages.{stage}.detect", lambda data: None)
        monkeypatch.setattr(f"pfafn.stages.{stage}.number_of_files", lambda data: 0)


def begun(stage: str) -> StageOutput:
    """What a stage says of itself before it works."""
    artifacts = Path("artifacts")
    places = {
        "prepare": [Path("data"), artifacts / "prepare"],
        "annotate": [Path("data"), artifacts / "prepare", artifacts / "annotate"],
    }
    module = importlib.import_module(f"pfafn.stages.{stage}")
    with pytest.raises(Begun) as error:
        module.run(Params.model_validate(CONTENT), *places.get(stage, [artifacts]))
    return error.value.args[0]


def key(stage: str) -> str:
    """Under what its unfinished work is kept."""
    return begun(stage).work.name


@each_stage
def test_the_inputs_are_those_of_dvc_yaml(stage: str) -> None:
    assert set(begun(stage).inputs) == inputs(stage)


@each_stage
def test_the_params_are_those_of_dvc_yaml(stage: str) -> None:
    listed = {leaf: value for leaf, value in leaves(CONTENT).items() if reads_param(stage, leaf)}
    assert leaves(begun(stage).params) == listed


@pytest.mark.parametrize(
    ("stage", "path"), [(s, p) for s in RUN_IF_STALE for p in sorted(inputs(s))]
)
def test_with_another_input_it_begins_anew(stage: str, path: str) -> None:
    before = key(stage)
    Path(path).write_text("other")
    assert key(stage) != before


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a file of the package have another content."""

    def edited(file: str) -> None:
        changed = ROOT / "pfafn" / file
        assert changed.is_file()
        other = lambda path: "another" if Path(path) == changed else content_hash(path)  # noqa: E731
        monkeypatch.setattr("pfafn.kit.files.content_hash", other)

    return edited


@pytest.mark.parametrize(
    "file",
    ["cli/app.py", "kit/progress.py", "kit/errors.py", "stages/entry.py", "params/file.py"],
)
@each_stage
def test_it_goes_on_after_an_edit_that_decides_nothing(
    stage: str, file: str, edit: Callable[[str], None]
) -> None:
    before = key(stage)
    edit(file)
    assert key(stage) == before


@pytest.mark.parametrize(
    ("stage", "file"),
    [
        ("prepare", "data/pairing.py"), ("annotate", "annotations/body_parts.py"),
        ("tutor_warp", "models/warp.py"), ("tutor_tryon", "training/loop.py"),
        ("fakes", "learning/fakes.py"), ("student_warp", "samples/augment.py"),
    ],
)  # fmt: skip
def test_it_begins_anew_after_an_edit_that_decides_a_byte(
    stage: str, file: str, edit: Callable[[str], None]
) -> None:
    before = key(stage)
    edit(file)
    assert key(stage) != before


def other_threads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(torch, "get_num_threads", lambda: 77)


def other_precision(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PFAFN_PRECISION", "bf16")


def other_cpu(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "abacus")


def other_torch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(output, "libraries", lambda: {"torch": "1.0"})


@pytest.mark.parametrize("other", [other_threads, other_precision, other_cpu, other_torch])
@pytest.mark.parametrize("stage", COMPUTE)
def test_it_never_goes_on_where_it_rounds_otherwise(
    stage: str, other: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")
    before = key(stage)
    other(monkeypatch)
    assert key(stage) != before


@pytest.mark.parametrize("other", [other_threads, other_precision, other_cpu])
@pytest.mark.parametrize("stage", ["prepare", "annotate"])
def test_photos_are_prepared_alike_on_every_device(
    stage: str, other: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")
    before = key(stage)
    other(monkeypatch)
    assert key(stage) == before
