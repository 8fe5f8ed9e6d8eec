"""Where and how fast to compute, as the environment says: what is no such setting is named."""

import pytest
import torch

from pfafn.kit import machine
from pfafn.kit.machine import RuntimeSettingError

CPU, GPU = torch.device("cpu"), torch.device("cuda")
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: Patch) -> None:
    for name in ["DEVICE", "PRECISION", "PROCESSES", "WORKERS", "RECOMPUTE"]:
        monkeypatch.delenv(f"PFAFN_{name}", raising=False)
    for name in ("SECONDS", "STEPS"):
        monkeypatch.delenv(f"PFAFN_CHECKPOINT_{name}", raising=False)


def with_gpus(monkeypatch: Patch, there: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)


@pytest.mark.parametrize(
    ("wanted", "gpus", "device"),
    [
        (None, False, "cpu"),
        (None, True, "cuda"),
        ("auto", False, "cpu"),
        ("auto", True, "cuda"),
        ("cpu", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cuda", True, "cuda"),
        ("cuda:3", True, "cuda:3"),
    ],
)
def test_the_device_is_the_one_that_is_wanted_or_a_gpu_if_there_is_one(
    monkeypatch: Patch, wanted: str | None, gpus: bool, device: str
) -> None:
    with_gpus(monkeypatch, gpus)
    if wanted:
        monkeypatch.setenv("PFAFN_DEVICE", wanted)
    assert machine.device() == torch.device(device)


@pytest.mark.parametrize("wanted", ["gpu", "cuda:", "cuda:x", "cuda1", "CPU", "", "cpu:0"])
def test_what_is_no_device_is_refused_by_name(monkeypatch: Patch, wanted: str) -> None:
    with_gpus(monkeypatch, True)
    monkeypatch.setenv("PFAFN_DEVICE", wanted)
    with pytest.raises(RuntimeSettingError, match=f"PFAFN_DEVICE is '{wanted}', expected auto"):
        machine.device()


@pytest.mark.parametrize("wanted", ["cuda", "cuda:0"])
def test_a_gpu_that_there_is_not_is_never_replaced_by_the_cpu(
    monkeypatch: Patch, wanted: str
) -> None:
    with_gpus(monkeypatch, False)
    monkeypatch.setenv("PFAFN_DEVICE", wanted)
    with pytest.raises(RuntimeSettingError, match=f"is '{wanted}', but torch sees no GPU"):
        machine.device()


@pytest.mark.parametrize(
    ("wanted", "fast", "dtype"),
    [
        (None, True, torch.bfloat16),
        (None, False, torch.float32),
        ("auto", False, torch.float32),
        ("fp32", True, torch.float32),
        ("bf16", False, torch.bfloat16),
    ],
)
@pytest.mark.parametrize("on", [CPU, GPU])
def test_half_the_bits_are_used_where_they_are_faster_or_wanted(
    monkeypatch: Patch, wanted: str | None, fast: bool, dtype: torch.dtype, on: torch.device
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast and on == CPU)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: including_emulation or (fast and on == GPU),
    )
    if wanted:
        monkeypatch.setenv("PFAFN_PRECISION", wanted)
    assert machine.precision(on) == dtype


def test_either_of_the_cpus_instructions_is_enough(monkeypatch: Patch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert machine.has_fast_bfloat16(CPU)


@pytest.mark.parametrize("wanted", ["fp16", "float32", "", "AUTO"])
def test_what_is_no_precision_is_refused_by_name(monkeypatch: Patch, wanted: str) -> None:
    monkeypatch.setenv("PFAFN_PRECISION", wanted)
    with pytest.raises(RuntimeSettingError, match=f"PFAFN_PRECISION is '{wanted}', expected auto"):
        machine.precision(CPU)


@pytest.mark.parametrize(("wanted", "lower"), [("fp32", False), ("bf16", True)])
def test_a_network_computes_in_that_precision(monkeypatch: Patch, wanted: str, lower: bool) -> None:
    monkeypatch.setenv("PFAFN_PRECISION", wanted)
    with machine.autocast(CPU):
        product = torch.ones(2, 3) @ torch.ones(3, 2)
    assert product.dtype == (torch.bfloat16 if lower else torch.float32)


def test_what_rounds_on_a_cpu_is_its_kind_the_precision_and_the_threads(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setenv("PFAFN_DEVICE", "cpu")
    monkeypatch.setenv("PFAFN_PRECISION", "bf16")
    assert machine.rounding() == {
        "device": torch.backends.cpu.get_cpu_capability(),
        "precision": "bfloat16",
        "threads": torch.get_num_threads(),
    }


def test_on_a_gpu_it_is_the_model_and_no_thread_counts(monkeypatch: Patch) -> None:
    with_gpus(monkeypatch, True)
    monkeypatch.setenv("PFAFN_DEVICE", "cuda")
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda on: f"model of {on}")
    assert machine.rounding() == {"device": "model of cuda", "precision": "float32"}


NAME = "PFAFN_CHECKPOINT_STEPS"


def test_a_count_has_its_default_and_is_read(monkeypatch: Patch) -> None:
    assert machine.count(NAME, 5) == 5
    for value in ("0", "12"):
        monkeypatch.setenv(NAME, value)
        assert machine.count(NAME, 5) == int(value)


@pytest.mark.parametrize("value", ["-1", "1.5", "many", ""])
def test_what_is_no_count_is_refused_by_name(monkeypatch: Patch, value: str) -> None:
    for name, asked in (("WORKERS", machine.workers), ("PROCESSES", machine.processes)):
        monkeypatch.setenv(f"PFAFN_{name}", value)
        with pytest.raises(RuntimeSettingError, match=f"PFAFN_{name} is '{value}', expected a wh"):
            asked()


@pytest.mark.parametrize(("cores", "workers"), [(None, 0), (1, 0), (2, 0), (3, 4), (64, 4)])
def test_on_few_cores_the_trainer_loads_by_itself(
    monkeypatch: Patch, cores: int | None, workers: int
) -> None:
    monkeypatch.setattr(machine.os, "cpu_count", lambda: cores)
    assert machine.workers() == workers
    monkeypatch.setenv("PFAFN_WORKERS", "3")
    assert machine.workers() == 3


@pytest.mark.parametrize(("wanted", "processes"), [("auto", None), ("0", 1), ("1", 1), ("7", 7)])
def test_at_least_one_process_trains(monkeypatch: Patch, wanted: str, processes: int) -> None:
    monkeypatch.setenv("PFAFN_PROCESSES", wanted)
    assert machine.processes() == processes


@pytest.mark.parametrize(
    ("wish", "gpu", "calls", "expected"),
    [
        ("auto", True, machine.PAYS, True), ("auto", True, machine.PAYS - 1, False),
        ("auto", False, 10**9, False), ("0", True, 10**9, False), ("1", True, 1, True),
        ("0", False, 1, False),
    ],
)  # fmt: skip
def test_networks_are_compiled_on_a_gpu_where_it_pays(
    wish: str, gpu: bool, calls: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_COMPILE", wish)
    monkeypatch.setattr(machine, "device", lambda: torch.device("cuda" if gpu else "cpu"))
    monkeypatch.setattr(machine, "has_triton", lambda: True)
    assert machine.compiles(calls) == expected


@pytest.mark.parametrize(("wish", "hint"), [("yes", "expected auto, 0 or 1"), ("1", "on a CPU")])
def test_a_wish_to_compile_that_cannot_be_met_is_an_error(
    wish: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_COMPILE", wish)
    monkeypatch.setenv("PFAFN_DEVICE", "cpu")
    with pytest.raises(machine.RuntimeSettingError, match=f"PFAFN_COMPILE is '?{wish}'?.*{hint}"):
        machine.compiles(1)


def test_where_triton_is_missing_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "device", lambda: GPU)
    monkeypatch.setattr(machine, "has_triton", lambda: False)
    monkeypatch.delenv("PFAFN_COMPILE", raising=False)
    assert not machine.compiles(10**9)
    monkeypatch.setenv("PFAFN_COMPILE", "1")
    with pytest.raises(machine.RuntimeSettingError, match="Triton, a C compiler"):
        machine.compiles(1)
