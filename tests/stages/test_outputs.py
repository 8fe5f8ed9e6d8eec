"""Stage outputs: whole or not at all."""

import json
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from pfafn.kit import threads
from pfafn.kit.files import MissingInput, file_hash, require, write_json
from pfafn.stages.output import stage_output


def test_a_finished_stage_appears_whole_with_its_provenance(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("x")
    with stage_output(tmp_path / "prepare", [source], {"seed": 3}) as output:
        (output / "a").write_text("1")
        output.samples = 5
        assert not (tmp_path / "prepare").exists()
    told = json.loads((tmp_path / "prepare" / "provenance.json").read_text())
    assert told["inputs"] == {source.as_posix(): file_hash(source)}
    assert told["params"] == {"seed": 3}
    assert told["samples"] == 5


def test_provenance_tells_what_it_cost_and_whose_run_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setenv("PFAFN_FLOW_RUN_ID", "run-7")
    with stage_output(tmp_path / "fakes", [], {}, {"precision": "float32"}) as output:
        (output / "a").write_text("1")
        output.samples, output.extra = 50, {"loader": 2}
        output.work.mkdir(parents=True)
        (output.work / threads.LOG).write_text("1\n2\n")
        now[0] += 12.5
    told = json.loads((tmp_path / "fakes" / "provenance.json").read_text())
    assert (told["seconds"], told["samples_per_second"]) == (12.5, 4.0)
    assert (told["flow_run"], told["loader"]) == ("run-7", 2)
    assert told["outputs"] == {"a": file_hash(tmp_path / "fakes" / "a")}
    assert told["computed_on"] == {"precision": "float32", "threads_later": [1, 2]}
    assert told["libraries"]["torch"] == version("torch")
    assert 10 < told["peak_memory_mb"] < 100_000


def test_a_library_that_is_not_installed_is_missing_from_provenance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pfafn.stages.output.LIBRARIES", ("numpy", "no-such-library"))
    with stage_output(tmp_path / "prepare", [], {}):
        pass
    told = json.loads((tmp_path / "prepare" / "provenance.json").read_text())
    assert told["libraries"] == {"numpy": version("numpy")}


def test_a_failed_stage_leaves_the_last_result_and_no_scratch(tmp_path: Path) -> None:
    with stage_output(tmp_path / "prepare", [], {}) as output:
        (output / "a").write_text("good")
    with pytest.raises(ZeroDivisionError), stage_output(tmp_path / "prepare", [], {}) as output:
        (output / "a").write_text("half")
        raise ZeroDivisionError
    assert (tmp_path / "prepare" / "a").read_text() == "good"
    assert [p.name for p in tmp_path.iterdir()] == ["prepare"]


def test_a_rerun_replaces_every_file(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with stage_output(tmp_path / "prepare", [], {}) as output:
            (output / name).write_text(name)
    assert not (tmp_path / "prepare" / "old").exists()


def test_a_missing_input_names_the_stage_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"model: run `dvc repro tutor_tryon`"):
        require(tmp_path / "model", "tutor_tryon")


def test_a_folder_hash_sees_names_and_contents(tmp_path: Path) -> None:
    hashes = set()
    for name, text in (("a", "1"), ("b", "1"), ("b", "2")):
        folder = tmp_path / f"{name}{text}"
        folder.mkdir()
        (folder / name).write_text(text)
        hashes.add(file_hash(folder))
    assert len(hashes) == 3


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "m.json", {"a": float("nan")})
    assert not (tmp_path / "m.json").exists()
