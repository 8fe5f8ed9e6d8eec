"""The tutor's work on a cluster: what each worker is asked for, and that all must be alike."""

from pathlib import Path

import pytest
import tinyset
import torch

from pfafn.learning import fakes
from pfafn.params.file import Params
from pfafn.workers.crew import WorkersError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[range]:
    """The batches that workers are given; every second one computes in bfloat16."""
    monkeypatch.setenv("PFAFN_SCHEDULER", "tcp://127.0.0.1:9")
    batches: list[range] = []

    def spread(_work, items, *_):
        for number, batch in enumerate(items):
            batches.append(batch)
            yield ("CPU in float32", "CPU in bfloat16")[number % 2], []

    monkeypatch.setattr(fakes, "spread", spread)
    return batches


def made(artifacts: Path, start: int, batch: int) -> list[fakes.StoredFake]:
    raw = tinyset.params().model_dump(by_alias=True)
    raw["fakes"] |= {"per_person": 1, "batch": batch}
    return list(fakes.make(Params.model_validate(raw), artifacts, [], "computation", start))


def test_batches_do_not_depend_on_where_a_killed_run_goes_on(
    asked: list[range], tiny_artifacts: Path
) -> None:
    made(tiny_artifacts, 3, 3)
    assert asked == [range(3, 4)]


def test_unlike_devices_are_refused(asked: list[range], tiny_artifacts: Path) -> None:
    with pytest.raises(WorkersError, match="CPU in bfloat16; CPU in float32.*PFAFN_PRECISION"):
        made(tiny_artifacts, 0, 2)
    assert asked == [range(0, 2), range(2, 4)]


class Idle:
    """A tutor with nothing to do."""

    def fakes(self, persons: range, loaders: int) -> list[fakes.StoredFake]:
        return []


@pytest.mark.parametrize(("wish", "told"), [("fp32", "in float32"), ("bf16", "in bfloat16")])
def test_a_worker_says_in_which_precision_it_computed(
    monkeypatch: pytest.MonkeyPatch, wish: str, told: str
) -> None:
    monkeypatch.setenv("PFAFN_PRECISION", wish)
    monkeypatch.setattr(fakes, "_dresser", lambda _: Idle())
    work = fakes.BatchWork(tinyset.params(), Path(), "computation", torch.get_num_threads())
    assert work(range(2))[0].endswith(told)
