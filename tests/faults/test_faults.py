"""Disks, files and processes that fail: the stage stops with what to do, and then ends the same."""

import os
import shutil
from pathlib import Path

import pytest
from killing import STAGES, Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(project: Project) -> dict[str, dict[str, str]]:
    """What each stage makes when nothing fails; all of them have run."""
    found = {}
    for stage in STAGES:
        project.finish(stage)
        found[stage] = project.hashes(stage)
    return found


def mend(project: Project, undisturbed: dict[str, dict[str, str]], stage: str) -> None:
    """Run a stage once more: it ends as if nothing had been."""
    project.finish(stage)
    assert project.hashes(stage) == undisturbed[stage]


# Bytes after which a file cannot grow, such that each of these stages is stopped in its middle.
SMALL = {"prepare": 20_000, "annotate": 5_000, "tutor_warp": 60_000, "fakes": 20_000,
         "evaluate": 4_000}  # fmt: skip


@pytest.mark.parametrize("stage", SMALL)
def test_a_full_disk_stops_the_stage_and_costs_nothing_but_time(
    project: Project, undisturbed: dict[str, dict[str, str]], stage: str
) -> None:
    shutil.rmtree(project.root / "artifacts" / stage)
    said = project.refused(stage, largest_file=SMALL[stage])
    assert said.startswith("error: ")
    assert "make room and run the same again" in said
    assert not (project.root / "artifacts" / stage).exists()
    mend(project, undisturbed, stage)


DAMAGE = [
    ("prepare", "persons/00000.arrow", ["tutor_warp", "evaluate"]),
    ("prepare", "manifest.parquet", ["annotate", "tutor_warp"]),
    ("annotate", "shards/00000.arrow", ["tutor_warp", "fakes"]),
    ("tutor_warp", "model.safetensors", ["tutor_tryon"]),
    ("tutor_tryon", "model.safetensors", ["fakes", "student_warp", "evaluate"]),
    ("fakes", "shards/00000.arrow", ["student_warp"]),
    ("fakes", "fakes.parquet", ["student_tryon"]),
]


@pytest.mark.parametrize(
    ("maker", "file", "readers"), DAMAGE, ids=[f"{d[0]}/{d[1]}" for d in DAMAGE]
)
@pytest.mark.parametrize("harm", ["one bit", "cut"])
def test_a_damaged_artifact_is_refused_and_its_maker_named(
    project: Project,
    undisturbed: dict[str, dict[str, str]],
    maker: str,
    file: str,
    readers: list[str],
    harm: str,
    tmp_path: Path,
) -> None:
    path = project.root / "artifacts" / maker / file
    shutil.copy(path, tmp_path / "kept")
    content = bytearray(path.read_bytes())
    if harm == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) * 2 // 3] ^= 4
    path.write_bytes(content)
    try:
        for reader in readers:
            said = project.refused(reader)
            assert f"is not what stage {maker} wrote" in said
            assert f"dvc repro --force --single-item {maker}" in said
            assert project.hashes(reader) == undisturbed[reader]
    finally:
        shutil.copy(tmp_path / "kept", path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"seed: [", b"seed: 1\n", b"- 1"])
def test_damaged_params_stop_a_stage_with_their_name(
    project: Project, undisturbed: dict[str, dict[str, str]], content: bytes
) -> None:
    path = project.root / "params.yaml"
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        project.refused("annotate")
        assert project.said().startswith("error: params.yaml: ")
    finally:
        path.write_bytes(kept)
    mend(project, undisturbed, "annotate")


@pytest.mark.parametrize("stage", ["prepare", "annotate", "tutor_warp", "fakes"])
def test_of_two_at_once_both_end_well_or_one_is_told(
    project: Project, undisturbed: dict[str, dict[str, str]], stage: str
) -> None:
    first = project.start(stage)
    second = project.start_again(stage)
    codes = [project.end(process) for process in (first, second)]
    assert 0 in codes
    assert set(codes) <= {0, 1}
    assert 1 not in codes or "is running already" in project.said()
    assert project.hashes(stage) == undisturbed[stage]


def test_a_photo_that_cannot_be_read_is_a_reject_with_its_reason(
    project: Project, undisturbed: dict[str, dict[str, str]]
) -> None:
    photo = project.root / "data/train_img/000003_0.jpg"
    kept = photo.read_bytes()
    photo.unlink()
    photo.symlink_to(photo.name)  # leads to itself; root can read all else
    try:
        project.finish("prepare")
        told = (project.root / "artifacts/prepare/report.json").read_text()
        assert "train_img/000003_0.jpg" in told
        assert "cannot be read" in told
    finally:
        photo.unlink()
        photo.write_bytes(kept)
    mend(project, undisturbed, "prepare")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_artifact_that_may_not_be_read_is_named(
    project: Project, undisturbed: dict[str, dict[str, str]]
) -> None:
    path = project.root / "artifacts/prepare/manifest.parquet"
    path.chmod(0)
    assert "manifest.parquet: Permission denied" in project.refused("annotate")
    path.chmod(0o644)
    mend(project, undisturbed, "annotate")


def test_a_clock_that_jumps_changes_nothing(
    project: Project, undisturbed: dict[str, dict[str, str]]
) -> None:
    os.utime(project.root / "artifacts/prepare/manifest.parquet", (2**31, 2**31))
    project.finish("tutor_warp", environment={"TZ": "Pacific/Kiritimati"})
    assert project.hashes("tutor_warp") == undisturbed["tutor_warp"]


@pytest.mark.parametrize("stage", ["prepare", "annotate", "tutor_warp", "fakes"])
def test_a_clock_that_is_turned_back_all_the_time_changes_nothing(
    project: Project, undisturbed: dict[str, dict[str, str]], stage: str
) -> None:
    project.finish(stage, turned_back=True)
    assert project.hashes(stage) == undisturbed[stage]


def test_files_of_the_future_and_of_long_ago_are_files(
    project: Project, undisturbed: dict[str, dict[str, str]]
) -> None:
    for number, file in enumerate(sorted((project.root / "data").rglob("*.*"))):
        os.utime(file, (2**31, 2**31) if number % 2 else (1, 1))
    mend(project, undisturbed, "prepare")


def test_a_stage_in_another_folder_stops_and_leaves_all_as_it_is(
    project: Project, undisturbed: dict[str, dict[str, str]]
) -> None:
    project.refused("prepare", folder="data")
    assert project.said().startswith("error: params.yaml: no such file; run in the project's root")
    assert project.hashes("prepare") == undisturbed["prepare"]
