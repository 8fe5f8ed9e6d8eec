"""Two processes do together what one does alone; the reference is one with the joint batch."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jointly
import pytest
import torch
from jointly import REGIMES, WORLD, gradients, maps, normed, weights
from lightning_fabric.plugins.environments import LightningEnvironment, SLURMEnvironment
from safetensors.torch import load_file
from torch import Tensor

from pfafn.params.sections import WarpStage
from pfafn.samples.loading import MicroBatches
from pfafn.training import processes, resume
from pfafn.training.processes import Layout, ProcessesError, start_fabric, together

TESTS = Path(__file__).parents[1]
SCHEDULE = WarpStage(epochs=2, decay=1, batch=4, accumulate=2, lr=1e-3)
EXACT = {"rtol": 1e-9, "atol": 1e-12}
# Rounding alone, as by another number of threads, changes gradients of 1 to 200 by up to 1e-8.
GRADIENTS = {"rtol": 1e-7, "atol": 1e-7}
# Where a gradient is as small as Adam's epsilon, that shows: as a share of a step, which is RATE.
TRAINED = {"rtol": 1e-9, "atol": 0.01 * jointly.RATE}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left."""
    out = tmp_path_factory.mktemp("jointly")
    environment = os.environ | {
        "PFAFN_DEVICE": "cpu",
        "PFAFN_PRECISION": "fp32",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
    }
    command = [sys.executable, "-W", "error", TESTS / "jointly.py", out]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return out


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")
    monkeypatch.setenv("PFAFN_DEVICE", "cpu")


def both(done: Path, name: str) -> list[dict[str, Tensor]]:
    return [load_file(done / f"{name}{rank}.safetensors") for rank in range(WORLD)]


@pytest.mark.parametrize("name", REGIMES)
def test_two_processes_train_as_one_with_the_joint_batch(
    name: str, done: Path, tmp_path: Path, exact: None
) -> None:
    objective, history = jointly.train(name, tmp_path)
    for found in both(done, name):
        torch.testing.assert_close(found, weights(objective), **TRAINED)
    for found in both(done, f"{name}-gradients"):
        torch.testing.assert_close(found, gradients(objective), **GRADIENTS)
    for rank in range(WORLD):
        rows = json.loads((done / f"{name}{rank}.json").read_text())
        assert [list(row) for row in rows] == [list(row) for row in history]
        for row, expected in zip(rows, history, strict=True):
            assert row == pytest.approx(expected, rel=1e-6, abs=1e-9)  # kept in float32


def test_the_distillation_was_gated_differently_in_the_two(done: Path) -> None:
    rows = json.loads((done / "student_warp0.json").read_text())
    # An odd number of the four samples, of which each process has two.
    assert {0.25, 0.75} & {row["distillation_trusted"] for row in rows}


def test_batch_norm_is_that_of_the_joint_batch(done: Path) -> None:
    x, weight = maps()
    whole = normed(x, weight)
    parts = both(done, "norm")
    for name in ("y", "x"):
        joined = torch.stack([part[name] for part in parts], dim=1).flatten(0, 1)
        torch.testing.assert_close(joined, whole[name], **EXACT)
    for name in ("weight", "bias"):  # gradients, which are averaged over the processes
        found = sum(part[name] for part in parts)
        torch.testing.assert_close(found, whole[name], **EXACT)
    for part in parts:
        for name in (key for key in whole if key.startswith("state.")):
            torch.testing.assert_close(part[name], whole[name], **EXACT)


def test_a_quotient_of_sums_is_that_of_the_joint_batch(done: Path) -> None:
    whole = jointly.quotients(slice(None))
    parts = both(done, "quotients")
    assert whole["trusted"] == 6
    for name, value in whole.items():
        found = sum(part[name] for part in parts) / WORLD
        torch.testing.assert_close(found, value.to(found))


def test_a_signal_to_one_process_stops_both_with_one_resume_point(
    done: Path, tmp_path: Path, exact: None
) -> None:
    ends = [json.loads((done / f"ends{rank}.json").read_text()) for rank in range(WORLD)]
    assert [end["stopped"] for end in ends] == [128 + 15, 0]
    assert resume.read(done / "stopped").point.step == 1


def test_both_agree_on_the_signal_whether_one_or_both_got_it(done: Path) -> None:
    for rank in range(WORLD):
        ends = json.loads((done / f"ends{rank}.json").read_text())
        assert ends["agreed"] == [0, signal.SIGINT, signal.SIGTERM]


def test_one_process_goes_on_where_two_were_stopped(
    done: Path, tmp_path: Path, exact: None
) -> None:
    shutil.copytree(done / "stopped", tmp_path / "stopped")
    resumed, history = jointly.train("student_warp", tmp_path / "stopped")
    assert len(history) == 3
    torch.testing.assert_close(weights(resumed), both(done, "student_warp")[0], **TRAINED)


def test_numbers_that_go_wrong_in_one_process_stop_both(done: Path) -> None:
    first, second = (json.loads((done / f"ends{r}.json").read_text()) for r in range(WORLD))
    assert second["diverged"] == "dismissed"
    assert "it: total not finite in step 1 of 1" in first["diverged"]
    told = json.loads((done / "d" / "diverged.json").read_text())
    assert len(set(told["items"])) == 4  # of both
    assert told["terms"]["total"] == "nan"


@pytest.mark.parametrize("start", [0, 1, 3])
def test_the_shares_make_up_the_batches_of_one_process(start: int) -> None:
    whole = list(MicroBatches(9, SCHEDULE, seed=5, start=start))
    shares = [MicroBatches(9, SCHEDULE, 5, start, rank, WORLD) for rank in range(WORLD)]
    joined = [sorted(a + b) for a, b in zip(*shares, strict=True)]
    assert joined == [sorted(keys) for keys in whole]
    assert len(joined) == 2 * (2 * 3 - start)


def test_a_batch_that_cannot_be_shared_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFAFN_DEVICE", "cpu")
    monkeypatch.setenv("PFAFN_PROCESSES", "3")
    with pytest.raises(ProcessesError, match="3 processes.*batch = 4.*multiple of 6"):
        together(SCHEDULE, "tutor_warp")
    monkeypatch.setenv("PFAFN_PROCESSES", "2")
    assert together(SCHEDULE, "tutor_warp").world == 2


@pytest.mark.parametrize(
    ("gpus", "batch", "parts", "used"),
    [(8, 32, 1, 8), (8, 12, 1, 6), (3, 4, 1, 2), (1, 4, 1, 1), (4, 8, 4, 2)],
)
def test_auto_uses_as_many_gpus_as_can_share_each_part_of_a_batch(
    gpus: int, batch: int, parts: int, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PFAFN_PROCESSES", raising=False)
    monkeypatch.setattr(processes.machine, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    schedule = WarpStage(epochs=1, decay=0, batch=batch, accumulate=parts, lr=1e-3)
    assert together(schedule, "it").world == 1  # in a test, which must not be started again
    spec = type("Spec", (), {"name": "pfafn.stages.tutor_warp"})
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)
    assert together(schedule, "it").world == used


@pytest.mark.parametrize(("wanted", "devices"), [("cpu", 1), ("cuda", 1), ("cuda:1", [1])])
def test_one_that_is_alone_computes_on_the_device_it_is_told(
    wanted: str, devices: int | list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes.machine, "device", lambda: torch.device(wanted))
    monkeypatch.setattr(processes.machine, "precision", lambda on: torch.float32)
    monkeypatch.setattr(processes, "Fabric", lambda **how: (how["accelerator"], how["devices"]))
    assert start_fabric() == (wanted.partition(":")[0], devices)


def test_more_processes_than_gpus_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFAFN_PROCESSES", "4")
    monkeypatch.setattr(processes.machine, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ProcessesError, match="PFAFN_PROCESSES is 4, but there are 2 GPUs"):
        together(SCHEDULE, "tutor_warp")


def test_srun_says_who_trains_together(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"NTASKS": "4", "NTASKS_PER_NODE": "2", "NNODES": "2", "JOB_NAME": "train"}
    for name, value in told.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    schedule = SCHEDULE.model_copy(update={"batch": 8})
    layout = together(schedule, "tutor_warp")
    assert (layout.machines, layout.each) == (2, 2)
    assert isinstance(layout.started_by, SLURMEnvironment)
    monkeypatch.setenv("PFAFN_PROCESSES", "1")
    alone = together(schedule, "tutor_warp")
    assert alone == Layout(1, 1, alone.started_by)
    assert isinstance(alone.started_by, LightningEnvironment)
