"""How a stage that was started as a program ends when the disk or its input is at fault."""

import errno
import os
import runpy
from contextlib import nullcontext
from pathlib import Path

import pytest
from declared import STAGES
from safetensors import SafetensorError

from pfafn.kit import threads
from pfafn.kit.errors import UserError
from pfafn.params.file import Params
from pfafn.stages import entry, register


def ended(error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path) -> str:
    """What a stage says in which this error came up."""

    def run(*_: object) -> None:
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(entry, "check_folder", lambda: None)
    monkeypatch.setattr(Params, "load", classmethod(lambda _: None))
    with pytest.raises(SystemExit) as caught:
        entry.main(run)
    return str(caught.value)


def test_a_stage_that_is_started_may_choose_its_threads(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    chosen = []
    monkeypatch.setattr(threads, "choosing", lambda: nullcontext(chosen.append("may choose")))
    ended(UserError("later"), monkeypatch, tmp_path)
    assert chosen == ["may choose"]


ROOM = "make room and run the same again, it goes on from the last resume point"
RIGHT = "set it right and run the same again"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "x", "a.arrow"), f"a.arrow: {os.strerror(errno.ENOSPC)}: {ROOM}"),
        (OSError(errno.EDQUOT, "x"), f"{os.strerror(errno.EDQUOT)}: {ROOM}"),
        (OSError(errno.EFBIG, "x"), f"{os.strerror(errno.EFBIG)}: {ROOM}"),
        (OSError(errno.EIO, "x", "a.arrow"), f"a.arrow: {os.strerror(errno.EIO)}: {RIGHT}"),
        (
            SafetensorError("I/O error: No space left on device (os error 28)"),
            f"{os.strerror(28)}: {ROOM}",
        ),
        (UserError("no such file: put it there"), "no such file: put it there"),
    ],
)
def test_a_fault_of_the_disk_or_the_input_ends_in_one_line_that_says_what_to_do(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    assert ended(error, monkeypatch, tmp_path) == f"error: {said}"


def test_what_this_user_may_not_touch_is_told_with_whose_it_is_and_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    (file := tmp_path / "retrain.lock").touch()
    refused = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
    told = ended(refused, monkeypatch, tmp_path)
    assert told.startswith(f"error: {file}: Permission denied: {file} belongs to {file.owner()}, ")
    assert f"sudo chown -R {file.owner()} {Path.cwd()}" in told


@pytest.mark.parametrize("error", [OSError("strange"), SafetensorError("strange"), KeyError("x")])
def test_any_other_error_stays_what_it_is(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    with pytest.raises(type(error)):
        ended(error, monkeypatch, tmp_path)


def test_only_a_stage_that_trains_is_tuned(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    tuned = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(entry, "check_folder", lambda: None)
    monkeypatch.setattr(Params, "load", classmethod(lambda _: "params"))
    monkeypatch.setattr("pfafn.kit.machine.repeat", lambda: tuned.append("repeats"))
    for trains in (False, True):
        entry.main(lambda *given: tuned.append(given), trains=trains)
    assert tuned == [("params", entry.ARTIFACTS), "repeats", ("params", entry.ARTIFACTS)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_a_program_and_those_that_train_say_so(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(entry, "main", lambda run, trains=False: started.append(trains))
    runpy.run_path(str(Path(entry.__file__).with_name(f"{stage}.py")), run_name="__main__")
    assert started == [stage.endswith(("_warp", "_tryon"))]


def test_stage_register_mirrors_the_project_of_its_artifacts_and_says_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(register.registry, "sync", lambda project: f"mirrored {project}")
    register.run(None, entry.ARTIFACTS)
    assert capsys.readouterr().out == f"mirrored {tmp_path}\n"
