"""Which sample comes when: the seeded order, cut into steps, shared among processes, resumed."""

import pytest
from tinytrain import schedule

from pfafn.samples.loading import MicroBatches, epoch_keys

SAMPLES, SEED = 7, 5
Keys = list[tuple[int, int]]


def batches(start: int = 0, accumulate: int = 1, rank: int = 0, world: int = 1) -> list[Keys]:
    """Of three epochs of seven samples, four a step."""
    plan = schedule(epochs=2, decay=1, batch=4, accumulate=accumulate)
    return list(MicroBatches(SAMPLES, plan, SEED, start, rank, world))


def test_each_epoch_is_the_beginning_of_its_order_in_whole_batches() -> None:
    expected = [epoch_keys(SAMPLES, SEED, epoch)[:4] for epoch in (1, 2, 3)]
    assert batches() == expected


@pytest.mark.parametrize("accumulate", [2, 4])
def test_a_step_in_parts_has_the_samples_of_the_whole_in_their_order(accumulate: int) -> None:
    parts = batches(accumulate=accumulate)
    assert {len(part) for part in parts} == {4 // accumulate}
    assert sum(parts, []) == sum(batches(), [])


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_who_goes_on_gets_what_is_left(start: int) -> None:
    assert batches(start) == batches()[start:]
    assert batches(start, accumulate=2) == batches(accumulate=2)[2 * start :]


def test_two_processes_share_every_step() -> None:
    shares = zip(*(batches(rank=rank, world=2) for rank in (0, 1)), strict=True)
    for (one, other), whole in zip(shares, batches(), strict=True):
        assert len(one) == len(other) == 2
        assert sorted(one + other) == sorted(whole)
