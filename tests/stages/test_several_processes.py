"""A training stage as a program, by several processes: same result, and an end when one dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import tinyset
import torch
import yaml
from test_training_stages import params

from pfafn.models.tryon import TryOnNet
from pfafn.weights import model_file

STAGE = ["-m", "pfafn.stages.tutor_warp"]
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
PATIENCE = 300  # seconds, on a machine that is busy
WAITS_IN_VAIN = """
import time
from types import SimpleNamespace
from pfafn.training import processes
processes.WATCH = processes.GRACE = 0.1
processes._end_with_parent(SimpleNamespace(global_rank=1, world_size=2))
print("waits", flush=True)
time.sleep(1000)
"""

pytestmark = pytest.mark.slow


def project(root: Path, epochs: int) -> Path:
    tinyset.write_prepared(root / "artifacts")
    tinyset.write_annotations(root / "artifacts")
    schedule = {"epochs": epochs, "decay": 1, "batch": 4, "lr": 1e-5}
    content = params(tutor_warp=schedule).model_dump(mode="json", by_alias=True)
    (root / "params.yaml").write_text(yaml.safe_dump(content))
    return root


def environment(processes: int) -> dict[str, str]:
    own = {"DEVICE": "cpu", "PRECISION": "fp32", "PROCESSES": processes, "CHECKPOINT_SECONDS": 0}
    given = {f"PFAFN_{name}": str(value) for name, value in own.items()}
    code = str(Path(__file__).parents[2])
    return os.environ | given | {"OMP_NUM_THREADS": "1", "PYTHONPATH": code}


def train(root: Path, *command: str, processes: int = 1) -> TryOnNet:
    subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env=environment(processes),
        check=True,
        timeout=PATIENCE,
        capture_output=True,
    )
    return model_file.load(root / "artifacts/tutor_warp/model.safetensors")[0]


def test_a_stage_under_torchrun_trains_what_one_process_trains(tmp_path: Path) -> None:
    alone = train(project(tmp_path / "alone", 2), *STAGE).state_dict()
    both = train(project(tmp_path / "both", 2), *TORCHRUN, *STAGE).state_dict()
    assert alone.keys() == both.keys()
    for name, value in both.items():
        torch.testing.assert_close(value, alone[name], rtol=1e-3, atol=1e-5, msg=name)


class Running:
    """A long training by two processes, from its first resume point on."""

    def __init__(self, root: Path) -> None:
        self.root = project(root, epochs=1000)
        self.errors = root / "errors"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *STAGE], cwd=root, env=environment(2), stderr=errors
            )
        end = time.monotonic() + PATIENCE
        while not list((root / ".work").rglob("checkpoint.safetensors")):
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < end
            time.sleep(0.2)
        self.first = psutil.Process(self.process.pid)
        (self.second,) = self.first.children()

    def end(self) -> int:
        """The first process's code, once both are gone."""
        code = self.process.wait(PATIENCE)
        assert not psutil.wait_procs([self.second], PATIENCE)[1]
        return code


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    training = Running(tmp_path)
    yield training
    for process in (training.first, training.second):
        if process.is_running():
            process.kill()


@pytest.mark.parametrize("dies", ["first", "second"])
def test_a_process_that_is_killed_ends_the_other_with_a_message(
    running: Running, dies: str
) -> None:
    getattr(running, dies).kill()
    code = running.end()
    assert code == (-signal.SIGKILL if dies == "first" else 1)
    left = 1 if dies == "first" else 0
    assert f"process {left} of 2 can no longer reach the others" in running.errors.read_text()
    assert not (running.root / "artifacts/tutor_warp").exists()


def test_one_that_does_not_find_out_that_the_first_is_gone_ends_and_says_so(tmp_path: Path) -> None:
    starts = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    with (tmp_path / "errors").open("w") as errors:
        first = subprocess.Popen(
            [sys.executable, "-c", starts, WAITS_IN_VAIN],
            env=environment(2),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert first.stdout.readline() == b"waits\n"
    second = psutil.Process(first.pid).children()
    first.kill()
    first.communicate()
    assert not psutil.wait_procs(second, PATIENCE)[1]
    assert "process 1 of 2 can no longer reach the others" in (tmp_path / "errors").read_text()


@pytest.mark.parametrize("asked", ["first", "second"])
def test_one_that_is_asked_to_stop_stops_both_after_a_step(running: Running, asked: str) -> None:
    getattr(running, asked).terminate()
    assert running.end() == 128 + signal.SIGTERM
    assert "error" not in running.errors.read_text()
    assert not list((running.root / "artifacts").glob(".*"))
