"""A virtual environment goes on where it was moved or copied to."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from pfafn.kit.venv import settle

SAYS = "import sys, project\nprint(sys.prefix, project.__file__, sys.argv[1:])\n"


def header(python: Path) -> str:
    """How pip begins a program."""
    if " " in str(python):
        return f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"
    return f"#!{python}\n"


def made(root: Path) -> Path:
    """A project that is installed, to be edited, in a .venv of its own, as pip does it."""
    environment = root / ".venv"
    venv.EnvBuilder(symlinks=True).create(environment)
    (root / "project.py").touch()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = environment / f"lib/{version}/site-packages"
    (packages / "__editable__.project.pth").write_text(f"import sys; sys.path.append('{root}/')\n")
    (environment / "bin/says").write_text(header(environment / "bin/python") + SAYS)
    (environment / "bin/says").chmod(0o755)
    (environment / "bin/other").write_text("#!/usr/bin/env bash\n")
    return environment


def said(root: Path, command: str) -> str:
    """What a command says to whom stands elsewhere and asks for .venv's programs first."""
    environment = {"PATH": os.environ["PATH"], "PYTHONUTF8": "1", "HOME": "/"}
    words = ["bash", "-c", command, "bash", str(root / ".venv/bin")]
    done = subprocess.run(words, cwd="/", env=environment, text=True, capture_output=True)
    return done.stdout.strip() + done.stderr


@pytest.mark.parametrize(("old", "new"), [("a", "b c"), ("a b", "c"), ("a", "Übung копия")])
def test_moved_its_programs_and_the_project_are_those_of_the_new_place(
    tmp_path: Path, old: str, new: str
) -> None:
    moved = made(tmp_path / old).parent.rename(tmp_path / new) / ".venv"
    assert settle(moved)
    told = f"{moved} {moved.parent}/project.py ['a b']"
    assert said(moved.parent, '"$1/says" "a b"') == told
    assert said(moved.parent, '. "$1/activate"; says "a b"') == told
    assert settle(moved) == []


def test_a_copy_leaves_the_original_and_other_peoples_programs_alone(tmp_path: Path) -> None:
    first = made(tmp_path / "first")
    copy = shutil.copytree(first.parent, tmp_path / "copy", symlinks=True) / ".venv"
    settle(copy)
    assert said(copy.parent, '"$1/says"').startswith(f"{copy} {copy.parent}/project.py")
    assert said(first.parent, '"$1/says"').startswith(f"{first} {first.parent}/project.py")
    assert (copy / "bin/other").read_text() == "#!/usr/bin/env bash\n"


def test_where_it_was_made_nothing_is_touched(tmp_path: Path) -> None:
    environment = made(tmp_path / "first")
    before = {file: file.lstat().st_mtime_ns for file in environment.rglob("*")}
    assert settle(environment) == []
    assert {file: file.lstat().st_mtime_ns for file in environment.rglob("*")} == before
