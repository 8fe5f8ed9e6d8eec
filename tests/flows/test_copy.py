"""A run with other params happens in a copy, and the project is afterwards as it was before."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import dvc, tasks

DVC_YAML = """
stages:
  first:
    cmd: cat data/photo > artifacts/first.txt
    params: [a]
    deps: [data, pfafn/code.py]
    outs: [artifacts/first.txt]
  second:
    cmd: cat artifacts/first.txt params.yaml > artifacts/second.txt; cat .work/unfinished; pwd;
      echo root $DVC_ROOT
    params: [b]
    deps: [artifacts/first.txt]
    outs: [artifacts/second.txt]
"""
OTHER = "{a: 1, b: 2}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with photos and two stages, up to date, and with unfinished work."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("data", "pfafn", "artifacts", ".work"):
        (root / folder).mkdir()
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "params.yaml").write_text("{a: 1, b: 1}\n")
    (root / ".dvcignore").write_text("/.work\n")
    (root / "data/photo").write_text("photo\n")
    (root / "pfafn/code.py").touch()
    (root / ".work/unfinished").write_text("resumed\n")
    environment = os.environ | dvc.environment()
    for words in (["init", "--no-scm"], ["add", "data"], ["repro"]):
        command = [sys.executable, "-m", "dvc", *words, "--quiet"]
        subprocess.run(command, cwd=root, check=True, env=environment)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(dvc, "ROOT", tmp_path / "project")
    return shutil.copytree(made, dvc.ROOT)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the stages have said."""
    said: list[str] = []
    monkeypatch.setattr(tasks, "get_run_logger", lambda: SimpleNamespace(info=said.append))
    return said


def outcome(stage: str, project: Path) -> str:
    environment = dvc.environment() | {"DVC_ROOT": str(dvc.ROOT)}
    return tasks.reproduce.fn(stage, project, environment).outcome


def content(root: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of change of all files, but for what DVC keeps for itself."""
    files = [p for p in root.rglob("*") if p.is_file() and not {".dvc", ".work"} & {*p.parts}]
    return {str(p.relative_to(root)): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def test_only_what_reads_the_other_params_runs_and_the_project_stays_but_for_the_cache(
    root: Path, lines: list[str]
) -> None:
    before = content(root)
    copy = dvc.copy(OTHER)
    assert [outcome(stage, copy) for stage in ("first", "second")] == ["up to date", "ran"]
    assert (copy / "artifacts/second.txt").read_text() == f"photo\n{OTHER}"
    assert {"resumed", str(copy), f"root {root}"} <= set(lines)
    assert content(root) == before
    assert dvc.status(["first", "second"]) == {}
    # What the copy has made comes to the project from there, once it is wanted.
    (root / "params.yaml").write_text(OTHER)
    assert outcome("second", root) == "from cache"
    assert (root / "artifacts/second.txt").read_text() == f"photo\n{OTHER}"


def test_a_copy_is_made_anew_with_todays_code_and_keeps_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dvc, "ask", lambda *_, **__: "")
    (dvc.copy(OTHER) / "left over").touch()
    copy = dvc.copy(OTHER)
    (root / "pfafn/code.py").write_text("# edited meanwhile\n")
    assert (copy / "pfafn/code.py").read_text() == ""
    assert not (copy / "left over").exists()
    assert {file.name for file in root.iterdir()} - {file.name for file in copy.iterdir()} == {
        "artifacts", "data.dvc",
    }  # fmt: skip
