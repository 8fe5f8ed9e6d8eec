"""A project with a champion goes on elsewhere: as a copy, as a pulled clone, for another user."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clone import ROOT
from whole import DVC, FLOW, LOCKFILE, Undisturbed, models, run

pytestmark = pytest.mark.slow

PFAFN = (sys.executable, "-m", "pfafn")
ASK = (sys.executable, "-m", "dvc")
PAGE = (ROOT / "docs/share.md").read_text()
(LEFT,) = re.findall(r"no longer kept\n.*?```sh\n(.*?)```", PAGE, re.DOTALL)
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")


def champion(root: Path) -> Path:
    """Where the registry has the champion's weights."""
    return Path(json.loads(run(root, *PFAFN, "registry", "show", "--json"))["sources"]["weights"])


def ran(log: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", log)


def dressed(root: Path) -> None:
    """The champion dresses somebody."""
    person, garment = (next((root / f"data/{of}").iterdir()) for of in ("test_img", "test_color"))
    run(root, *PFAFN, "tryon", "--person", str(person), "--garment", str(garment), "--out", "o.png")
    assert (root / "o.png").stat().st_size > 1000


def test_a_copy_with_any_letters_in_its_path_has_the_champion_and_nothing_to_do(
    peaceful: Undisturbed, tmp_path: Path
) -> None:
    copy = shutil.copytree(peaceful.root, tmp_path / "Übung копия (1)", symlinks=True)
    original = peaceful.root.rename(peaceful.root.with_name("away"))  # nothing may lead there
    try:
        assert champion(copy).is_relative_to(copy)
        dressed(copy)
        assert ran(run(copy, *DVC)) == ["register"]
        assert ran(run(copy, *FLOW, "--force", "evaluate")) == ["evaluate"]
    finally:
        original.rename(peaceful.root)


@pytest.fixture
def pushed(peaceful: Undisturbed, tmp_path: Path) -> Path:
    """A project that was committed and pushed to a folder, its remote."""
    root = shutil.copytree(peaceful.root, tmp_path / "author", symlinks=True)
    run(root, *ASK, "remote", "add", "--default", "store", str(tmp_path / "store"))
    run(root, *ASK, "push")
    run(root, "git", "add", "-A")
    run(root, *GIT, "commit", "-qm", "a champion")
    return root


def test_a_clone_pulls_all_runs_nothing_and_has_the_champion(
    pushed: Path, peaceful: Undisturbed, tmp_path: Path
) -> None:
    run(tmp_path, "git", "clone", "-q", str(pushed), "clone")
    clone = tmp_path / "clone"
    assert "`dvc pull` from a remote" in run(clone, *PFAFN, "registry", "sync", code=1)
    run(clone, *ASK, "pull")
    assert ran(run(clone, *DVC)) == ["register"]
    assert run(clone, "git", "status", "--porcelain") == ""
    assert models(clone) == peaceful.models
    dressed(clone)


def test_who_only_serves_the_champion_needs_no_photos(pushed: Path, tmp_path: Path) -> None:
    run(tmp_path, "git", "clone", "-q", str(pushed), "server")
    server = tmp_path / "server"
    stages = run(server, *ASK, "stage", "list", "--name-only").split()
    run(server, *ASK, "pull", *stages)
    assert not (server / "data").exists()
    run(server, *PFAFN, "registry", "sync")
    assert champion(server).is_relative_to(server)


def test_a_model_is_had_by_its_name_and_version_without_a_clone(
    pushed: Path, peaceful: Undisturbed, tmp_path: Path
) -> None:
    run(pushed, *GIT, "tag", "-a", "student@v1.0.0", "-m", "the first")
    run(tmp_path, *ASK, "artifacts", "get", str(pushed), "student", "-o", "student.safetensors")
    file = tmp_path / "student.safetensors"
    assert file.read_bytes() == (pushed / "artifacts/student_tryon/model.safetensors").read_bytes()


def test_a_run_that_no_commit_holds_goes_along_with_the_cache(pushed: Path, tmp_path: Path) -> None:
    run(pushed, *FLOW, "--set", "student_tryon.epochs=2", "--no-promote")
    run(pushed, "git", "add", "decisions")
    run(pushed, *GIT, "commit", "-qm", "a challenger")
    shutil.copytree(pushed / ".dvc/cache/files", tmp_path / "store/files", dirs_exist_ok=True)
    run(tmp_path, "git", "clone", "-q", str(pushed), "clone")
    clone = tmp_path / "clone"
    shutil.copytree(tmp_path / "store/files", clone / ".dvc/cache/files")
    run(clone, *ASK, "checkout")
    assert "not whole" not in run(clone, *PFAFN, "registry", "sync")
    versions = json.loads(run(clone, *PFAFN, "registry", "list", "--json"))
    students = [version for version in versions if version["name"] == "pfafn-student"]
    assert len(students) == 2 and all(Path(s["sources"]["weights"]).is_file() for s in students)


def test_without_dvc_photos_and_artifacts_are_plain_files_with_a_manifest(
    pushed: Path, peaceful: Undisturbed, tmp_path: Path
) -> None:
    run(tmp_path, "git", "clone", "-q", str(pushed), "clone")
    clone = tmp_path / "clone"
    (tmp_path / "without").mkdir()
    (tmp_path / "without/dvc.py").write_text("raise ImportError('there is no DVC')")
    script = LEFT.replace("/srv/pfafn", str(tmp_path / "store"))
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(tmp_path / "without")
    subprocess.run(["bash", "-ec", script], cwd=clone, check=True, env=environment)
    plain = clone / "plain"
    assert models(plain) == peaceful.models
    photos = {path.relative_to(pushed) for path in (pushed / "data").rglob("*") if path.is_file()}
    assert photos and {path for path in photos if (plain / path).is_file()} == photos
    with (plain / "manifest.csv").open(newline="") as stream:
        rows = {row["path"]: row for row in csv.DictReader(stream)}
    files = {str(path.relative_to(plain)) for path in plain.rglob("*") if path.is_file()}
    assert set(rows) == files - {"manifest.csv", "MD5SUMS"}
    shutil.copy(plain / "manifest.csv", plain / next(iter(rows)))  # the check can fail
    check = ["md5sum", "--check", "--quiet", "MD5SUMS"]
    assert subprocess.run(check, cwd=plain, capture_output=True).returncode == 1


def test_whom_the_files_do_not_belong_to_is_told_whose_they_are_and_what_to_do(
    peaceful: Undisturbed, tmp_path: Path
) -> None:
    root = shutil.copytree(peaceful.root, tmp_path / "theirs", symlinks=True)
    run(root, "chmod", "-R", "a-w", ".")
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv on this machine: util-linux has it")
    # Who is root may write everywhere, unless that is taken away.
    powerless = ("setpriv", "--bounding-set=-all") if os.geteuid() == 0 else ()
    try:
        for words in (FLOW, LOCKFILE, (*PFAFN, "registry", "promote", "models:/pfafn-student/1")):
            said = run(root, *powerless, *words, code=1)
            assert "Traceback" not in said
            assert f"`sudo chown -R {os.environ.get('USER', 'root')} {root}`" in said
    finally:
        run(root, "chmod", "-R", "u+w", ".")
