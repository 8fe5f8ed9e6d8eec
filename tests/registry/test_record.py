"""What dvc.lock and the artifacts say of a retraining, and how that gets into runs."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pfafn.chronicle import record
from pfafn.chronicle.record import RecordError, Retraining, Stage
from pfafn.evaluation import verdict
from pfafn.evaluation.confidence import Scores
from pfafn.registry import mirror

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


def stage(root: Path, name: str, reads: tuple[str, ...] = (), **files: str) -> Stage:
    """A stage that wrote these files (and, by dvc.lock, a folder `all`)."""
    folder = root / "artifacts" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file.replace("_", ".")).write_text(content)
    deps = [{"path": path, "md5": f"of {path}"} for path in reads]
    outs = [{"path": f"artifacts/{name}/all", "md5": f"{name}.dir"}]
    return Stage(name, {"cmd": name, "deps": deps, "outs": outs}, root)


def test_a_stage_ended_when_its_last_file_was_written(tmp_path: Path) -> None:
    made = stage(tmp_path, "fakes", metrics_json="{}", curve_csv="")
    for name, seconds in (("metrics.json", 30), ("curve.csv", 10)):
        os.utime(made.folder / name, (seconds, seconds))
    assert made.ended == 30_000
    assert Stage("fakes", made.entry, tmp_path, recorded_end=7).ended == 7


def test_a_curve_is_each_number_of_each_term_at_its_step(tmp_path: Path) -> None:
    table = "step,epoch,total,l1\n1,1,2.5,\n20.0,2,1.5,0.25\n"
    assert list(stage(tmp_path, "tutor_warp", curve_csv=table).curve()) == [
        ("curve/total", 1, 2.5), ("curve/total", 20, 1.5), ("curve/l1", 20, 0.25),
    ]  # fmt: skip
    assert list(stage(tmp_path, "fakes").curve()) == []


def test_whole_numbers_are_metrics_and_texts_are_none(tmp_path: Path) -> None:
    told = json.dumps({"counts": {"pairs": 3}, "mode": "auto", "ssim": 0.5, "none": None})
    found = stage(tmp_path, "evaluate", metrics_json=told).metrics
    assert found == {"counts/pairs": 3.0, "ssim": 0.5}


@pytest.fixture
def retraining(tmp_path: Path) -> Retraining:
    """prepare -> fakes -> student, and a stage that reads a file of another's name's beginning."""
    stages = [
        stage(tmp_path, "prepare", ("data",), provenance_json='{"commit": "a1+dirty"}'),
        stage(tmp_path, "fakes", ("artifacts/prepare/all/0.arrow",)),
        stage(tmp_path, "student", ("artifacts/fakes/all",),
              provenance_json='{"commit": "b2", "flow_run": null}'),
        stage(tmp_path, "other", ("artifacts/prepare/all2",),
              provenance_json='{"commit": null, "flow_run": "f7"}'),
    ]  # fmt: skip
    return Retraining({one.name: one for one in stages})


def test_a_stage_has_its_own_commit_and_a_retraining_the_last_that_is_known(
    retraining: Retraining,
) -> None:
    of_prepare = retraining.lineage(retraining.stages["prepare"])
    assert of_prepare["git.commit"] == "a1+dirty"
    assert of_prepare["data.md5"] == "of data"
    of_all = retraining.lineage()
    assert of_all["git.commit"] == "b2"
    assert of_all["prefect.flow_run_id"] == "f7"
    assert "git.commit" not in retraining.lineage(retraining.stages["fakes"])


def test_register_itself_is_no_part_of_a_retraining(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("stages: {fakes: {cmd: x}, register: {cmd: y}}")
    assert list(record.read(tmp_path).stages) == ["fakes"]


def test_of_a_run_that_there_is_not_nobody_has_scores() -> None:
    assert mirror.samples(None, None) is None  # type: ignore[arg-type]


def test_an_error_that_ranks_the_first_student_is_told_as_it_is() -> None:
    scores = Scores("unpaired.epe", pd.Series([-3.0, -4.0]), 0)  # more is better
    assert verdict.first(scores).reason == "there was no champion; unpaired.epe is 3.5"


def test_of_a_dvc_lock_that_is_cut_anywhere_all_is_told_or_who_puts_it_back(tmp_path: Path) -> None:
    entry = {"cmd": "a", "deps": [{"path": "data", "md5": "a1.dir"}], "outs": [{"path": "b"}]}
    entry["outs"][0]["md5"] = "b2"
    lock = yaml.safe_dump({"schema": "2.0", "stages": {"prepare": entry, "fakes": entry}})
    said = set()
    for length in range(len(lock)):
        (tmp_path / "dvc.lock").write_text(lock[:length])
        try:
            record.read(tmp_path)
        except RecordError as error:
            said.add(str(error).partition(":")[0])
    path = tmp_path / "dvc.lock"
    assert said == {
        f"{path} records no finished stage",
        f"{path} is not whole, as after a kill of DVC or in an unfinished merge",
    }
