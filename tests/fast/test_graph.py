"""What is recorded gives what it gave, for each shape its own; a graph is stood in for."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from pfafn.fast import graph
from pfafn.fast.graph import EAGER, MOST, Recorded, both, recorded
from pfafn.kit.machine import RuntimeSettingError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Pair(NamedTuple):
    """A tree of tensors."""

    one: Tensor
    others: list[Tensor]


class Tape:
    """A CUDA graph as it behaves: while it is recorded nothing is known of what is in its memory.

    A replay reads the places of its inputs and writes those of its results.
    """

    full = False  # the memory

    def __init__(self) -> None:
        self.work: Any = None

    def replay(self) -> None:
        self.work()


@pytest.fixture(autouse=True)
def _without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def capture(tape: Tape, **how: Any) -> Iterator[None]:
        assert how == {"capture_error_mode": "thread_local"}
        if Tape.full:
            raise torch.OutOfMemoryError
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(Tape, "full", False)
    record = Recorded.record

    def recording(self: Recorded, given: Any, how: Any) -> Any:
        made = record(self, given, how)
        if made is not None:

            def again() -> None:
                for place, value in zip(
                    graph.tree_leaves(made.made),
                    graph.tree_leaves(self.function(*made.given, **how)),
                    strict=True,
                ):
                    place.copy_(value)

            made.graph.work = again
        return made

    monkeypatch.setattr(Recorded, "record", recording)


def double(pair: Pair, plus: int = 0) -> dict[str, Tensor]:
    return {"twice": 2 * pair.one + plus, "sum": sum(pair.others)}


def pair(value: float, size: int = 3) -> Pair:
    return Pair(torch.full((size,), value), [torch.full((2,), value), torch.full((2,), 1.0)])


def test_every_call_gives_what_the_function_gives_and_keeps_it() -> None:
    quick = Recorded(double)
    made = [quick(pair(n)) for n in range(EAGER + 4)]
    assert [each["twice"].tolist() for each in made] == [[2.0 * n] * 3 for n in range(EAGER + 4)]
    assert [each["sum"].tolist() for each in made] == [[n + 1.0] * 2 for n in range(EAGER + 4)]


def test_a_single_picture_is_not_recorded() -> None:
    quick = Recorded(double)
    for n in range(EAGER):
        quick(pair(n))
    assert not quick.recordings
    quick(pair(1))
    assert len(quick.recordings) == 1


def test_each_shape_and_each_way_has_a_recording_of_its_own() -> None:
    quick = Recorded(double)
    for n in range(EAGER + 2):
        for size in (2, 5):
            for plus in (0, 7):
                made = quick(pair(n, size), plus=plus)
                assert made["twice"].tolist() == [2.0 * n + plus] * size
    assert len(quick.recordings) == 4


def test_what_lies_otherwise_in_memory_is_another_shape() -> None:
    quick, image = Recorded(lambda x: x + 1), torch.randn(2, 3, 4, 5)
    for layout in (torch.contiguous_format, torch.channels_last):
        for _ in range(EAGER + 1):
            quick(image.contiguous(memory_format=layout))
    assert len(quick.recordings) == 2


def test_of_many_shapes_the_last_ones_are_kept() -> None:
    quick = Recorded(double)
    for size in range(1, MOST + 3):
        for n in range(EAGER + 1):
            quick(pair(n, size))
        quick(pair(0, 1))  # used again and again
    sizes = {shape[0][0] for ((shape, *_), *_) in quick.recordings}
    assert sizes == {1, *range(4, MOST + 3)}


def test_where_there_is_no_memory_for_a_graph_it_is_computed_without() -> None:
    Tape.full = True
    quick = Recorded(double)
    for n in range(EAGER + 3):
        assert quick(pair(n))["twice"].tolist() == [2.0 * n] * 3
    assert list(quick.recordings.values()) == [None]


def test_only_a_gpu_records_and_only_if_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorded(double, CPU) is double
    assert isinstance(recorded(double, GPU), Recorded)
    monkeypatch.setenv("PFAFN_GRAPH", "0")
    assert recorded(double, GPU) is double
    monkeypatch.setenv("PFAFN_GRAPH", "1")
    with pytest.raises(RuntimeSettingError, match="PFAFN_GRAPH is '1', expected auto or 0"):
        recorded(double, GPU)


def test_of_two_that_need_nothing_of_each_other_both_are_given() -> None:
    assert both(CPU, lambda: 1, lambda: 2) == (1, 2)


def test_side_by_side_on_a_gpu_neither_begins_too_early_nor_is_used_too_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    @contextmanager
    def on(stream: SimpleNamespace) -> Iterator[None]:
        told.append(f"to {stream.name}")
        yield
        told.append("back")

    def stream(name: str) -> SimpleNamespace:
        wait = lambda other: told.append(f"{name} waits for {other.name}")  # noqa: E731
        return SimpleNamespace(name=name, wait_stream=wait)

    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream("main"))
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream("side"))
    monkeypatch.setattr(torch.cuda, "stream", on)
    made = both(GPU, lambda: told.append("one") or 1, lambda: told.append("other") or 2)
    assert made == (1, 2)
    assert told == ["side waits for main", "to side", "one", "back", "other", "main waits for side"]
