import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fuzz
import pytest
import tinyset
import torch
from torch.utils.data import default_collate

from pfafn.evaluation.testset import TestSet
from pfafn.kit import machine
from pfafn.models.tryon import TryOnNet
from pfafn.samples.sample import TestSample
from pfafn.weights import model_file


@pytest.fixture(scope="session", autouse=True)
def repeatable() -> None:
    """As in the commands that train: what the bits are compared of must repeat."""
    machine.repeat()
    # In stages that tests start, too, whatever else runs.
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))


@pytest.fixture(scope="session")
def tiny_artifacts(tmp_path_factory) -> Path:
    """artifacts/ of a project with three test persons; to be read only."""
    return tinyset.write_all(tmp_path_factory.mktemp("project") / "artifacts")


@pytest.fixture(scope="session")
def test_set(tiny_artifacts) -> TestSet:
    return TestSet(tiny_artifacts / "prepare", tiny_artifacts / "annotate")


@pytest.fixture
def batch(test_set) -> TestSample:
    """All its samples; a fresh copy that a test may change."""
    return default_collate([test_set.samples[i] for i in range(len(test_set.samples))])


@pytest.fixture(scope="session")
def networks(tiny_artifacts) -> list[TryOnNet]:
    """Tutor and student."""
    stages = (f"{role}_tryon" for role in ("tutor", "student"))
    return [model_file.load(tiny_artifacts / stage / "model.safetensors")[0] for stage in stages]


@pytest.fixture(scope="module")
def workers() -> Iterator[Any]:
    """A Dask cluster of two workers, as somebody starts one elsewhere."""
    import dask
    from distributed import LocalCluster, Status

    setting = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.comm.timeouts.connect": "5s",
    }
    with dask.config.set(setting):
        started = LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False}, memory_limit=0, silence_logs=50,
        )  # fmt: skip
        yield started
        try:
            started.close()
        except KeyError:  # its watcher ended on a worker unknown to it; once more, without that one
            started._watch_worker_status_task = None
            started.status = Status.failed
            started.close()


@pytest.fixture
def address(workers: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its address, set as the one to work at."""
    monkeypatch.setenv("PFAFN_SCHEDULER", workers.scheduler_address)
    return workers.scheduler_address


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What this process judged is told to the one that started it, if tests run side by side."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["outcomes"] = dict(fuzz.outcomes)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    fuzz.outcomes.update(getattr(node, "workeroutput", {}).get("outcomes", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if line := fuzz.told():
        terminalreporter.write_line(line)
