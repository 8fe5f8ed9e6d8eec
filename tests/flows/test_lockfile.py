"""A dvc.lock that is not whole gives way to the last one that was, and nothing gets lost."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from flows import ui
from flows.lockfile import ANEW, BACK, KEPT, USERS, is_whole, mend
from pfafn.kit.lock import locked

LOCK = b"""\
schema: '2.0'
stages:
  first:
    cmd: draw
    outs:
    - path: picture
      hash: md5
      md5: 401b30e3b8b5d629635a5c613cdb7919
      size: 2
"""
OTHER = LOCK.replace(b"size: 2", b"size: 3")
HALF = LOCK[:-60]
DAMAGE = {
    "empty": b"",
    "half": HALF,
    "no UTF-8": b"\xff\xfe\x00",
    "zeros, as after a loss of power": bytes(len(LOCK)),
    "the marks of a merge": b"<<<<<<< HEAD\n" + LOCK + b"=======\n" + OTHER + b">>>>>>> theirs\n",
    "of no known schema": LOCK.replace(b"2.0", b"9.0"),
    "not of DVC": b"- 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose dvc.lock was whole when it was last looked after."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    (tmp_path / "dvc.lock").write_bytes(LOCK)
    assert said(tmp_path) == []
    return tmp_path


def said(root: Path) -> list[str]:
    """What there was to say when it was looked after."""
    lines: list[str] = []
    mend(root, lines.append)
    return lines


def aside(root: Path) -> list[bytes]:
    """What was set aside."""
    return sorted(path.read_bytes() for path in root.glob("dvc.lock.damaged-*"))


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_one_is_set_aside_and_the_last_whole_one_is_back(
    root: Path, content: bytes
) -> None:
    (root / "dvc.lock").write_bytes(content)
    [line] = said(root)
    assert BACK in line and next(root.glob("dvc.lock.damaged-*")).name in line
    assert (root / "dvc.lock").read_bytes() == LOCK
    assert aside(root) == [content]
    assert said(root) == []


def test_a_cut_at_any_byte_is_seen_but_where_dvc_can_read_all_lines_that_are_left(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dvc.lock"
    read = []
    for end in range(len(LOCK)):
        path.write_bytes(left := LOCK[:end])
        if is_whole(path):
            read.append(left.splitlines(keepends=True)[-1])
    schema, _, _, cmd, _, out, kind, md5, _ = LOCK.splitlines(keepends=True)
    assert read == [schema, cmd, out, kind, md5]


def test_a_whole_one_stays_and_is_the_one_kept(root: Path) -> None:
    (root / "dvc.lock").write_bytes(OTHER)
    assert said(root) == []
    (root / "dvc.lock").write_bytes(HALF)
    said(root)
    assert (root / "dvc.lock").read_bytes() == OTHER


def test_where_there_is_none_none_is_put_back(root: Path) -> None:
    (root / "dvc.lock").unlink()
    assert said(root) == []
    assert not (root / "dvc.lock").exists()
    assert (root / KEPT).read_bytes() == LOCK


@pytest.mark.parametrize("kept", [None, HALF])
def test_without_a_whole_one_to_put_back_dvc_is_left_to_begin_anew(
    root: Path, kept: bytes | None
) -> None:
    (root / KEPT).unlink()
    if kept is not None:
        (root / KEPT).write_bytes(kept)
    (root / "dvc.lock").write_bytes(b"")
    [line] = said(root)
    assert ANEW in line
    assert not (root / "dvc.lock").exists() and aside(root) == [b""]


def test_a_folder_in_its_place_is_set_aside_with_what_is_in_it(root: Path) -> None:
    (root / "dvc.lock").unlink()
    (root / "dvc.lock").mkdir()
    (root / "dvc.lock/note").write_text("mine")
    assert len(said(root)) == 1
    assert (root / "dvc.lock").read_bytes() == LOCK
    [folder] = root.glob("dvc.lock.damaged-*")
    assert (folder / "note").read_text() == "mine"


def test_what_was_set_aside_earlier_stays(root: Path) -> None:
    for content in (b"", HALF, b""):
        (root / "dvc.lock").write_bytes(content)
        said(root)
    assert aside(root) == [b"", HALF]


def test_while_dvc_works_nothing_is_touched(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dvc.lock.DEFAULT_TIMEOUT", 0)
    (root / "dvc.lock").write_bytes(HALF)
    with (root / ".dvc/tmp/lock").open("a") as file:
        assert locked(file, fcntl.LOCK_EX)  # as DVC does before it writes
        assert said(root) == []
        assert (root / "dvc.lock").read_bytes() == HALF
    assert len(said(root)) == 1


def test_a_project_without_a_dvc_lock_loads_nothing_of_dvc(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from flows.lockfile import mend
mend(Path({str(tmp_path)!r}), print)
print('dvc' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_ui_looks_after_it_before_it_starts_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(root: Path, _: object) -> None:
        raise InterruptedError(root)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ui.lockfile, "mend", stop)
    monkeypatch.setattr(ui.Services, "start", pytest.fail)
    with pytest.raises(InterruptedError, match=tmp_path.name):
        ui.run(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"/data": {"re', b"\xff"])
def test_dvcs_list_of_who_uses_what_is_deleted_if_half_of_it_is_there(
    root: Path, content: bytes
) -> None:
    (root / USERS).write_bytes(content)
    assert said(root) == [f"{USERS} was not whole, as after a kill of DVC: it is deleted"]
    assert not (root / USERS).exists()
    assert (root / "dvc.lock").read_bytes() == LOCK


def test_a_whole_list_of_who_uses_what_stays(root: Path) -> None:
    (root / USERS).write_text("{}")
    assert said(root) == []
    assert (root / USERS).exists()
