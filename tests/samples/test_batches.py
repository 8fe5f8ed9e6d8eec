"""How batches are read."""

import cv2
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from pfafn.kit import machine
from pfafn.samples.loading import loading


class Threads(Dataset[int]):
    """The number of OpenCV's threads where the item is read."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        return cv2.getNumThreads()


def test_a_loader_process_has_one_thread_of_opencv() -> None:
    seen = DataLoader(Threads(), **loading(torch.device("cpu"), workers=1))
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
