"""prepare, annotate and fakes write the same bytes in this process and on any number of workers."""

from pathlib import Path
from typing import Any

import photoset
import pytest
import tinyset
from distributed import LocalCluster
from test_resume import hashes, params

from pfafn.data.check import check
from pfafn.stages import annotate, fakes, prepare
from pfafn.workers import pool

SLOW = pytest.mark.slow
COUNTS = [2, pytest.param(1, marks=SLOW), pytest.param(3, marks=SLOW)]
ARTIFACTS = Path("artifacts")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project to stand in; workers stand elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pool, "CHUNK", 2)


def written() -> dict[str, Any]:
    used = params()
    prepare.run(used, Path("data"), ARTIFACTS / "prepare")
    annotate.run(used, Path("data"), ARTIFACTS / "prepare", ARTIFACTS / "annotate")
    found = [finding.as_json() for finding in check(Path("data"))]
    return {"check": found} | {s: hashes(ARTIFACTS / s) for s in ("prepare", "annotate")}


def dressed() -> dict[str, str]:
    fakes.run(params(fakes={"batch": 1, "per_person": 1}), ARTIFACTS)
    return hashes(ARTIFACTS / "fakes")


def scaled(workers: LocalCluster, count: int) -> None:
    workers.scale(count)
    workers.wait_for_workers(count)


@pytest.mark.parametrize("count", COUNTS)
def test_photos_are_prepared_and_annotated_alike(
    count: int, workers: LocalCluster, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    photoset.viton(Path("data"), train=6, test=3, size=tinyset.SIZE)
    (Path("data/train_img/000001_0.jpg")).write_bytes(b"")
    expected = written()
    scaled(workers, count)
    monkeypatch.setenv("PFAFN_SCHEDULER", workers.scheduler_address)
    assert written() == expected


@SLOW
@pytest.mark.parametrize("count", [1, 2])
def test_persons_are_redressed_alike(
    count: int, workers: LocalCluster, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tinyset.write_all(ARTIFACTS)
    expected = dressed()
    scaled(workers, count)
    monkeypatch.setenv("PFAFN_SCHEDULER", workers.scheduler_address)
    assert dressed() == expected
