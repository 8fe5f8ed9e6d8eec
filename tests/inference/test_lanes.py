"""Beside a GPU: in order, one ahead and no more, and what goes wrong is told where it is asked."""

import threading

import pytest
import torch

from pfafn.inference.lanes import lane, one_ahead

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("device", [CPU, GPU])
def test_each_item_comes_with_what_is_made_of_it_in_order(device: torch.device) -> None:
    with lane(device) as ahead:
        made = [(n, coming.result()) for n, coming in one_ahead(ahead, lambda n: n * n, range(4))]
    assert made == [(0, 0), (1, 1), (2, 4), (3, 9)]


@pytest.mark.parametrize("device", [CPU, GPU])
def test_no_more_than_the_next_one_is_begun(device: torch.device) -> None:
    begun: list[int] = []
    with lane(device) as ahead:
        for n, coming in one_ahead(ahead, begun.append, range(5)):
            coming.result()
            assert max(begun) <= n + (device == GPU)
    assert begun == list(range(5))


def test_beside_a_gpu_it_is_another_thread_that_works() -> None:
    for device, same in ((CPU, True), (GPU, False)):
        with lane(device) as ahead:
            assert (ahead.submit(threading.get_ident).result() == threading.get_ident()) == same


@pytest.mark.parametrize("device", [CPU, GPU])
def test_what_goes_wrong_with_one_item_leaves_the_others(device: torch.device) -> None:
    with lane(device) as ahead:
        coming = dict(one_ahead(ahead, lambda n: 1 // n, [1, 0, 1]))
        assert isinstance(coming[0].exception(), ZeroDivisionError)
        assert coming[1].result() == 1
