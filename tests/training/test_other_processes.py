"""What a process says that does not train alone, without starting another one."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from pfafn.kit import joint
from pfafn.training import loop
from pfafn.training.health import RECORD, NotFinite, TrainingDiverged, on_record
from pfafn.training.processes import Dismissed, ProcessesError
from pfafn.training.resume import ResumePoint
from pfafn.training.trainer import located

Patch = pytest.MonkeyPatch


def fabric(rank: int, common: int = 0) -> Any:
    """One of several processes; `common` is what the first one says."""
    return SimpleNamespace(
        is_global_zero=rank == 0,
        global_rank=rank,
        rank_zero_first=nullcontext,
        broadcast=lambda _: common,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("step", [0, 5])
def test_processes_that_find_other_resume_points_stop(
    monkeypatch: Patch, tmp_path: Path, step: int
) -> None:
    restored: list[object] = []
    point = ResumePoint(step, {}, 0.0)
    saved = SimpleNamespace(point=point, restore=lambda *given: restored.append(given))
    trainer = SimpleNamespace(net="net", optimizer="optimizer")
    monkeypatch.setattr(loop.resume, "read", lambda work: saved if step else None)
    monkeypatch.setattr(loop, "Trainer", lambda *given: trainer)
    nothing: Any = None
    assert loop.resumed(fabric(1, step), nothing, nothing, 3, tmp_path) == (trainer, point)
    assert restored == ([("net", "optimizer")] if step else [])
    said = f"process 1 finds step {step} there and the first process step {step + 1}"
    with pytest.raises(ProcessesError, match=said):
        loop.resumed(fabric(1, step + 1), nothing, nothing, 3, tmp_path)


def two_alike(monkeypatch: Patch, other: torch.Tensor | None = None) -> None:
    """Two processes, of which the other has the same values, or these."""
    monkeypatch.setattr(joint, "processes", lambda: 2)
    monkeypatch.setattr(
        joint, "gather", lambda own: torch.stack([own, own if other is None else other])
    )


@pytest.mark.parametrize(
    ("own", "other", "divisor"), [(4.0, 2.0, 3.0), (0.0, 0.0, 0.5), (1.0, 0.0, 0.5), (0, 3, 1.5)]
)
def test_a_joint_divisor_is_the_joint_sum_shared_and_at_least_one_in_all(
    monkeypatch: Patch, own: float, other: float, divisor: float
) -> None:
    two_alike(monkeypatch, torch.tensor(other, dtype=torch.float64))
    assert joint.joint_divisor(torch.tensor(own)).item() == divisor


def test_joint_terms_are_means_and_teach_nothing(monkeypatch: Patch) -> None:
    terms = {"total": torch.tensor(4.0, requires_grad=True), "l1": torch.tensor(1.0).bfloat16()}
    two_alike(monkeypatch, torch.tensor([6.0, 2.0]))
    found = joint.joint_terms(terms)
    assert {name: value.item() for name, value in found.items()} == {"total": 5.0, "l1": 1.5}
    assert not any(value.requires_grad for value in found.values())


@pytest.mark.parametrize("training", [True, False])
def test_of_two_equal_shares_the_joint_norm_is_that_of_both_together(
    monkeypatch: Patch, training: bool
) -> None:
    torch.manual_seed(0)
    plain, shared = (nn.BatchNorm2d(3, momentum=0.3).train(training) for _ in range(2))
    for norm in (plain, shared):
        with torch.no_grad():
            norm.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
            norm.bias.copy_(torch.tensor([0.0, 1.0, -1.0]))
    joint.join_batch_norms(shared, "cpu")
    assert type(shared) is joint.JointBatchNorm2d
    share = torch.randn(2, 3, 4, 5) * 3 + 1
    two_alike(monkeypatch)
    torch.testing.assert_close(shared(share), plain(torch.cat([share, share]))[:2])
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(shared.state_dict()[name], value)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_every_batch_norm_below_is_joined_and_keeps_its_names(kind: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4)))
    names = list(net.state_dict())
    joint.join_batch_norms(net, kind)
    expected = joint.JointBatchNorm2d if kind == "cpu" else nn.SyncBatchNorm
    assert type(net[1][0]) is expected
    assert list(net.state_dict()) == names


@pytest.mark.parametrize(("rank", "error"), [(1, Dismissed), (0, TrainingDiverged)])
def test_of_a_gradient_that_is_none_only_the_first_process_tells(
    tmp_path: Path, rank: int, error: type[BaseException]
) -> None:
    batches = [SimpleNamespace(item=torch.tensor(items)) for items in ([7, 3], [5])]
    with pytest.raises(error), on_record(fabric(rank), tmp_path, "w", 6), located(3, batches):
        raise NotFinite(["total"], {"total": torch.tensor(float("nan"))})
    if rank:
        assert not list(tmp_path.iterdir())
    else:
        told = json.loads((tmp_path / RECORD).read_text())
        assert told == {
            "step": 3, "not_finite": "total", "items": [7, 3, 5], "terms": {"total": "nan"},
        }  # fmt: skip
