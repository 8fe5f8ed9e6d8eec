"""Unfinished work: kept under its fingerprint, by one process at a time, and not for ever."""

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import verbs

from pfafn.kit import threads
from pfafn.kit.errors import UserError
from pfafn.kit.files import file_hash
from pfafn.stages import entry, workplace
from pfafn.stages.output import DamagedInput, stage_output
from pfafn.stages.workplace import NoSpace, StageBusy, alone, need, place, prune


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a stage writes."""
    return tmp_path / "artifacts" / "prepare"


def made(out: Path, text: str = "x") -> Path:
    with stage_output(out, [], {}) as output:
        (output / "table").write_text(text)
    return out


def test_it_lies_beside_the_artifacts(out: Path, tmp_path: Path) -> None:
    with stage_output(out, [], {"seed": 1}) as output:
        assert output.work.parent == tmp_path / ".work" / "prepare" == place(out)


@pytest.mark.parametrize("other", [{"seed": 2}, {"seed": 1, "more": 0}])
def test_other_params_have_another_place(out: Path, other: dict[str, int]) -> None:
    places = set()
    for params in ({"seed": 1}, other):
        with stage_output(out, [], params) as output:
            places.add(output.work)
    assert len(places) == 2


def test_other_inputs_and_other_code_have_another_place(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, places = tmp_path / "photos", set()
    for text, code in (("a", "1"), ("b", "1"), ("b", "2")):
        source.write_text(text)
        monkeypatch.setattr("pfafn.stages.output.code_version", lambda stage, code=code: code)
        with stage_output(out, [source], {}) as output:
            places.add(output.work)
    assert len(places) == 3


def test_what_rounds_otherwise_has_another_place(out: Path) -> None:
    places = set()
    for precision in ("float32", "bfloat16"):
        with stage_output(out, [], {}, {"precision": precision}) as output:
            places.add(output.work)
    assert len(places) == 2


def test_it_survives_a_failure_and_goes_with_success(out: Path) -> None:
    with pytest.raises(ZeroDivisionError), stage_output(out, [], {}) as output:
        output.work.mkdir(parents=True)
        (output.work / "half").write_text("done")
        raise ZeroDivisionError
    with stage_output(out, [], {}) as output:
        assert (output.work / "half").read_text() == "done"
    assert not output.work.exists()


@pytest.mark.parametrize("kept", [True, False])
def test_of_what_was_begun_with_other_threads_whatever_is_kept_goes_on(
    out: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    monkeypatch.setattr(threads, "settle", lambda begun: 2)
    with pytest.raises(ZeroDivisionError), stage_output(out, [], {}, {"threads": 4}) as output:
        output.work.mkdir(parents=True)
        if kept:
            (output.work / "half").write_text("done")
        raise ZeroDivisionError
    monkeypatch.setattr(threads, "settle", lambda begun: next(filter(begun, (4, 3, 2, 1)), 3))
    with stage_output(out, [], {}, {"threads": 4}) as again:
        assert (again.work == output.work) == (again.work / "half").exists() == kept
        assert again.rounding == {"threads": 2 if kept else 3}


def test_the_oldest_of_other_computations_are_pruned(tmp_path: Path) -> None:
    for age, name in enumerate("abcde"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    prune(tmp_path, "e")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "e"]


def hold(folder: Path, pipe: Connection) -> None:
    with alone(folder):
        pipe.send("ready")
        pipe.poll(60)  # until the other end is closed


@pytest.fixture
def holder(out: Path) -> Iterator[object]:
    """Another process that is running the stage."""
    context = multiprocessing.get_context("spawn")
    # A pipe, not an event: to set an event that a killed process waits for takes for ever.
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(place(out), theirs))
    process.start()
    assert ours.poll(60)
    yield process
    ours.close()
    process.join()


def test_a_second_process_is_told_and_harms_nothing(
    out: Path, holder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workplace, "PATIENCE", 0.1)
    scratch = out.with_name(".prepare.partial")
    scratch.mkdir(parents=True)
    with pytest.raises(StageBusy, match="stage prepare is running already"):
        made(out)
    assert scratch.is_dir()


def test_a_process_that_was_killed_holds_nothing(out: Path, holder: object) -> None:
    holder.kill()
    holder.join()
    assert (made(out) / "table").is_file()


def test_a_kill_between_the_two_renames_loses_no_result(out: Path) -> None:
    made(out, "first")
    out.replace(out.with_name(".prepare.old"))
    with pytest.raises(ZeroDivisionError), stage_output(out, [], {}):
        raise ZeroDivisionError
    assert (out / "table").read_text() == "first"
    assert (made(out, "second") / "table").read_text() == "second"
    assert [path.name for path in out.parent.iterdir()] == ["prepare"]


def test_a_result_says_the_hash_of_each_part(out: Path) -> None:
    told = json.loads((made(out) / "provenance.json").read_text())
    assert told["outputs"] == {"table": file_hash(out / "table")}


@pytest.mark.parametrize("folder", [False, True])
def test_a_damaged_input_is_refused_with_who_makes_it(
    out: Path, tmp_path: Path, folder: bool
) -> None:
    with stage_output(out, [], {}) as output:
        part = output / "persons"
        if folder:
            part.mkdir()
            part /= "00000.arrow"
        part.write_bytes(bytes(1000))
    damaged = out / "persons" / "00000.arrow" if folder else out / "persons"
    damaged.write_bytes(bytes(999) + b"\x01")
    with (
        pytest.raises(DamagedInput, match=r"persons is not what stage prepare wrote.*dvc checkout"),
        stage_output(tmp_path / "artifacts" / "annotate", [out / "persons"], {}),
    ):
        pass


def test_too_small_a_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2_000_000_000)
    monkeypatch.setattr("pfafn.stages.workplace.shutil.disk_usage", lambda _: usage)
    need(tmp_path, 1.9e9, "the pictures")
    with pytest.raises(NoSpace, match=r"the pictures needs about 2.10 GB, 2.00 GB are free"):
        need(tmp_path, 2.1e9, "the pictures")
    assert issubclass(NoSpace, UserError)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has been removed."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()


def test_a_stage_in_a_folder_that_is_gone_says_so(nowhere: None) -> None:
    with pytest.raises(SystemExit, match="error: the current folder has been removed: change to"):
        entry.main(lambda params, artifacts: None)


def test_a_verb_in_a_folder_that_is_gone_says_so(nowhere: None) -> None:
    assert "the current folder has been removed" in verbs.refused("registry", "show")


def test_a_stage_in_another_folder_says_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SystemExit, match=r"error: params\.yaml: no such file; run in the project's"
    ):
        entry.main(lambda params, artifacts: None)
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stage_that_is_asked_to_stop_says_how_to_go_on(
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(__file__).parents[2] / "params.yaml", tmp_path)
    with pytest.raises(SystemExit) as stopped:
        entry.main(lambda params, artifacts: signal.raise_signal(number))
    assert stopped.value.code == 128 + number
    told = f"stopped by {number.name}: run the same again, it goes on from what is done\n"
    assert capsys.readouterr().err == told
