"""How batches are read."""

import gc
import os
import signal
import subprocess
from collections.abc import Iterator

import cv2
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from pfafn.kit import machine
from pfafn.samples.loading import LoaderLost, loading, read


class Threads(Dataset[int]):
    """The number of OpenCV's threads where the item is read."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        return cv2.getNumThreads()


class Processes(Dataset[int]):
    """The process that reads the item."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> int:
        return os.getpid()


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torch's answer to the end of a loader process is not there yet, whatever ran here before."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    monkeypatch.setattr("torch.utils.data._utils.signal_handling._SIGCHLD_handler_set", False)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_loader_process_goes_on_when_others_signal_the_whole_group(number: int) -> None:
    batches = read(DataLoader(Processes(), **loading(torch.device("cpu"), workers=1)))
    pid = int(next(batches))
    subprocess.run(["kill", f"-{int(number)}", str(pid)], check=True)
    assert [int(batch) for batch in batches] == [pid] * 39


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torch looks after its loader processes ten times a second, not every five seconds."""
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.1,))
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.1)
    yield
    gc.collect()


def test_a_killed_loader_process_is_told_between_two_batches(impatient: None) -> None:
    batches = read(DataLoader(Processes(), **loading(torch.device("cpu"), workers=1)))
    pid = int(next(batches))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(LoaderLost, match=rf"loader process {pid} was killed.*PFAFN_WORKERS"):
        list(batches)


def test_where_nobody_tells_who_asks_a_loader_process_ends_and_that_is_told(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "sigwaitinfo")
    batches = read(DataLoader(Processes(), **loading(torch.device("cpu"), workers=1)))
    pid = int(next(batches))
    subprocess.run(["kill", str(pid)], check=True)
    with pytest.raises(LoaderLost, match=f"loader process {pid} was killed"):
        list(batches)


def test_an_error_of_the_data_is_the_datas(impatient: None) -> None:
    class Broken(Dataset[int]):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> int:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        next(read(DataLoader(Broken(), **loading(torch.device("cpu"), workers=1))))


def test_a_loader_process_has_one_thread_of_opencv() -> None:
    seen = read(DataLoader(Threads(), **loading(torch.device("cpu"), workers=1)))
    assert [int(threads) for threads in seen] == [1, 1]


@pytest.mark.parametrize(("cores", "workers"), [(1, 0), (2, 0), (3, 4), (64, 4)])
def test_workers_are_told_by_the_cores_if_they_are_auto(monkeypatch, cores, workers) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setenv("PFAFN_WORKERS", "auto")
    assert machine.workers() == workers
    monkeypatch.delenv("PFAFN_WORKERS")
    assert machine.workers() == workers


def test_workers_are_the_environments_and_a_gpu_gets_pinned_memory(monkeypatch) -> None:
    monkeypatch.setenv("PFAFN_WORKERS", "3")
    cpu, gpu = (loading(torch.device(kind)) for kind in ("cpu", "cuda"))
    assert cpu["num_workers"] == gpu["num_workers"] == 3
    assert (cpu["pin_memory"], gpu["pin_memory"]) == (False, True)
