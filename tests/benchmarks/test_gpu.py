"""`make gpu`: no part hides another, and whatever there is, is kept. Asked of a CPU here."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from importgraph import ROOT

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import kernels, parity, part, switches, trainings
from benchmarks.gpu.findings import Finding, Found, markdown
from benchmarks.inference import whole
from benchmarks.timing import OutOfTime
from pfafn.fast.correlation import cost_volume

ANSWER = Finding("right", "a sum", "2", True, {"off": 0.0}).line()
WAIT = "import time; time.sleep(9)"
PARTS = {
    "right": f"print('from a library'); print({ANSWER!r})",
    "crashes": "import os; print('{}', flush=True); os.abort()",
    "hangs": f"print({ANSWER.replace('right', 'hangs')!r}, flush=True); {WAIT}",
    "raises": "raise ValueError('no kernel')",
}


@pytest.fixture
def small(monkeypatch) -> None:
    """Parts of a line each."""
    parts = {name: gpu.Part(0.4 if name == "hangs" else 9) for name in PARTS}
    monkeypatch.setattr(gpu, "PARTS", parts)
    monkeypatch.setattr(gpu, "CORES", 10**6)
    monkeypatch.setattr(gpu, "GRACE", 0.2)
    monkeypatch.setattr(gpu, "command", lambda name, _: [sys.executable, "-Sc", PARTS[name]])


@pytest.mark.parametrize("cores", [1, 10**6])  # side by side, and one after the other
def test_a_part_that_fails_crashes_or_hangs_hides_no_other(
    cores: int, small, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(gpu, "CORES", cores)
    assert gpu.main(["--out", str(tmp_path)]) == 1
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert list(dict.fromkeys(f["part"] for f in found)) == list(PARTS)  # whoever is first
    kept = {(f["part"], f["case"]): f for f in found}
    assert {name: finding["passed"] for name, finding in kept.items()} == {
        ("right", "a sum"): True,
        ("crashes", "its end"): False,
        ("hangs", "a sum"): True,
        ("hangs", "its end"): False,
        ("raises", "its end"): False,
    }
    assert "exit code -6" in kept["crashes", "its end"]["told"]
    assert "hung" in kept["hangs", "its end"]["told"]
    assert kept["raises", "its end"]["told"].endswith("ValueError: no kernel")
    assert "2 passed, 3 failed, 0 measured" in (tmp_path / "gpu.md").read_text()
    assert "ok     right: a sum: 2" in capsys.readouterr().out


@pytest.mark.parametrize("cores", [1, 10**6])  # side by side, and one after the other
def test_asked_to_stop_it_ends_its_parts_and_keeps_what_there_is(
    cores: int, small, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(gpu, "CORES", cores)
    monkeypatch.setitem(gpu.PARTS, "hangs", gpu.Part(9))
    here = f"import os; open({str(tmp_path)!r} + f'/pid{{os.getpid()}}', 'w')"
    asks = "import signal, time; time.sleep(0.2); os.kill(os.getppid(), signal.SIGTERM)"
    monkeypatch.setitem(PARTS, "right", f"{here}; print({ANSWER!r}, flush=True); {asks}; {WAIT}")
    monkeypatch.setitem(PARTS, "hangs", f"{here}; {WAIT}")
    began = time.monotonic()
    assert gpu.main(["--only", "right", "hangs", "--out", str(tmp_path)]) == 143
    assert time.monotonic() - began < 5
    assert len(json.loads((tmp_path / "gpu.json").read_text())) == 1
    for one in tmp_path.glob("pid*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(one.name.removeprefix("pid")), 0)


def test_parts_that_run_side_by_side_share_the_cores(small, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 9)
    monkeypatch.setattr(gpu, "CORES", 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    tells = "import json, os; told = str(os.environ.get('OMP_NUM_THREADS')); " + (
        "print(json.dumps(dict(part={name!r}, case='', told=told, passed=None, numbers={{}})))"
    )
    for name in ("right", "hangs"):
        monkeypatch.setitem(PARTS, name, tells.format(name=name))
    monkeypatch.setitem(gpu.PARTS, "hangs", gpu.Part(9))
    for names, threads in ((["right", "hangs"], ["4", "4"]), (["right"], ["None"])):
        assert gpu.main(["--only", *names, "--out", str(tmp_path)]) == 0
        kept = json.loads((tmp_path / "gpu.json").read_text())
        assert [finding["told"] for finding in kept] == threads


def test_beside_many_cores_parts_run_side_by_side_but_for_those_that_time(
    small, tmp_path, monkeypatch
) -> None:
    met = tmp_path / "met"
    waits = "import pathlib, time\nwhile not pathlib.Path({met!r}).exists(): time.sleep(0.01)"
    monkeypatch.setitem(PARTS, "hangs", waits.format(met=str(met)))
    monkeypatch.setitem(PARTS, "right", f"open({str(met)!r}, 'w')")
    monkeypatch.setitem(gpu.PARTS, "hangs", gpu.Part(9))
    monkeypatch.setattr(gpu, "CORES", 1)
    assert gpu.main(["--only", "hangs", "right", "--out", str(tmp_path / "out")]) == 0
    monkeypatch.setitem(gpu.PARTS, "crashes", gpu.Part(9, times=True))
    names = ["hangs", "right", "crashes", "raises"]
    assert gpu.turns(names) == [["hangs", "right"], ["crashes"], ["raises"]]
    monkeypatch.setattr(gpu, "CORES", 10**6)
    assert gpu.turns(names) == [[name] for name in names]


def test_all_is_well_if_nothing_failed(small, tmp_path) -> None:
    assert gpu.main(["--only", "right", "--out", str(tmp_path)]) == 0


def test_what_no_time_is_left_for_is_told_as_failed(small, tmp_path) -> None:
    assert gpu.main(["--only", "right", "--seconds", "0", "--out", str(tmp_path)]) == 1
    assert "no time was left" in (tmp_path / "gpu.md").read_text()


def told_by_part(name: str, monkeypatch, capsys, *checks: tuple) -> list[dict]:
    module = SimpleNamespace(checks=lambda device: iter(checks))
    monkeypatch.setattr(part, "import_module", lambda _: module)
    part.main(name, time.time() + 9)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def fail(error: BaseException) -> Found:
    raise error


@pytest.mark.parametrize(("name", "late"), [("kernels", False), ("steps", None)])
def test_in_a_part_no_check_hides_another_until_its_time_is_over(
    name: str, late: bool | None, monkeypatch, capsys
) -> None:
    told = told_by_part(
        name, monkeypatch, capsys,
        ("a", lambda: fail(RuntimeError("no memory\non the device"))),
        ("b", lambda: print("aside") or Found("well", True)),
        ("c", lambda: fail(OutOfTime("9 s are over"))),
        ("d", lambda: Found("never asked")),
    )  # fmt: skip
    assert [(each["case"], each["passed"]) for each in told] == [
        ("a", False), ("b", True), ("its end", late),
    ]  # fmt: skip
    assert told[0]["told"] == "RuntimeError: no memory"
    assert {each["part"] for each in told} == {name}


def test_the_report_is_a_table_per_part() -> None:
    found = [Finding("p", "c", "1|2\n3", False, {}), Finding("q", "d", "4", None, {})]
    text = markdown("Title", found)
    assert text.startswith("# Title\n\n0 passed, 1 failed, 1 measured")
    assert "## p\n\n| | | |\n|---|---|---|\n| c | FAILED | 1\\|2 3 |" in text
    assert "| d |  | 4 |" in text


CPU = torch.device("cpu")


@pytest.mark.parametrize("error", [0, 1e-3])
def test_a_kernel_that_is_off_is_found(error: float, monkeypatch) -> None:
    monkeypatch.setattr(kernels, "SHAPES", [(2, 5, 4, 3)])
    right = kernels.KERNELS["cost volume"]
    kernel = right._replace(fast=lambda *given: cost_volume(*given) * (1 + error))
    found = kernels.compare(kernel, torch.float32, CPU)
    assert found.passed is (error == 0)


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_every_kernel_is_asked_in_every_precision(name: str, monkeypatch) -> None:
    monkeypatch.setattr(kernels, "SHAPES", [(2, 5, 4, 3)])
    cases = {case: check for case, check in kernels.checks(CPU) if case.startswith(name)}
    assert len(cases) == 2
    assert all(check().passed for check in cases.values())


@pytest.mark.parametrize("error", [0, 1])
def test_a_switch_that_changes_the_try_on_is_found(error: float) -> None:
    def switch(nets, variant, given):
        wear = whole(nets, given)[variant]
        return lambda: wear() + error

    found = switches.tryon(switch, CPU)
    assert found.passed is (error == 0)
    assert found.numbers["largest"] == pytest.approx(error)


@pytest.mark.parametrize(("device", "passed"), [("cpu", [True, False]), ("cuda", [True, True])])
def test_a_resumed_training_is_exact_on_a_cpu_and_near_on_a_gpu(
    device: str, passed: list[bool], monkeypatch
) -> None:
    monkeypatch.setattr(trainings, "straight", lambda: [4.0, 2.0])
    monkeypatch.setattr(trainings.machine, "device", lambda: torch.device(device))
    curves = [4.0, 2.0], [4.0, 2.02]
    assert [trainings.compared(curve).passed for curve in curves] == passed
    assert not trainings.compared([4.0, 2.2]).passed


def test_tf32_is_as_it_was_afterwards() -> None:
    before = torch.backends.cudnn.allow_tf32
    with parity.tf32(not before):
        assert torch.backends.cudnn.allow_tf32 is not before
    assert torch.backends.cudnn.allow_tf32 is before


BLOCKED = ("dvc", "prefect", "mlflow", "dask", "distributed", "cryptography", "pytest", "typer",
           "torchmetrics", "hypothesis", "albumentations")  # fmt: skip
BLOCKER = f"""
import sys
from importlib.machinery import PathFinder
class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, *where):
        return None if name.split(".")[0] in {BLOCKED!r} else super().find_spec(name, *where)
sys.meta_path[sys.meta_path.index(PathFinder)] = Bare
"""


@pytest.mark.slow
def test_all_of_it_ends_well_on_a_cpu_where_nothing_else_is_installed(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--out", tmp_path / "out"], cwd=ROOT, text=True,
        env=os.environ | {"PYTHONPATH": paths, "PFAFN_DEVICE": "cpu", "OMP_NUM_THREADS": "1"},
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found = json.loads((tmp_path / "out" / "gpu.json").read_text())
    assert {finding["part"] for finding in found} == set(gpu.PARTS)
