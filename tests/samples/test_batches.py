"""How batches are read."""

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

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


def test_workers_are_the_environments_and_a_gpu_gets_pinned_memory(monkeypatch) -> None:
    monkeypatch.setenv("PFAFN_WORKERS", "3")
    cpu, gpu = (loading(torch.device(kind)) for kind in ("cpu", "cuda"))
    assert cpu["num_workers"] == gpu["num_workers"] == 3
    assert (cpu["pin_memory"], gpu["pin_memory"]) == (False, True)
