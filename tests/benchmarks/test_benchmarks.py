"""The benchmarks measure what they say; how long anything took is no test."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import compiled, data_path, memory, samples, schedule
from benchmarks.__main__ import main
from benchmarks.ablation import ALL, SAVINGS, ablation, step
from benchmarks.apart import Turn, here
from benchmarks.rows import Row, markdown, rows, slower
from benchmarks.subject import DRAWN, QUICK, batch, network
from benchmarks.timing import Spread
from benchmarks.training import PAPER, training
from benchmarks.variants import networks, plain
from pfafn.fast.packed import pack
from pfafn.models import vgg
from pfafn.params.file import Params
from pfafn.weights.model_file import save

CACHE = "TORCHINDUCTOR_CACHE_DIR"


@pytest.fixture
def narrow_vgg(monkeypatch) -> None:
    narrow = tuple(w if isinstance(w, str) else w // 16 for w in vgg.WIDTHS)
    monkeypatch.setattr(vgg, "WIDTHS", narrow)


@torch.inference_mode()
def test_the_plain_network_is_the_network(tmp_path) -> None:
    net = network("student", QUICK.widths)
    person, garment = torch.rand(2, 1, 3, 64, 96) * 2 - 1
    given = person, garment, torch.ones(1, 1, 64, 96)
    save(net, tmp_path / "m", {})
    expected = net.wear(*given).image
    for made in (plain(net), memory.load(tmp_path / "m")):
        torch.testing.assert_close(made.wear(*given).image, expected, atol=1e-4, rtol=0)


def test_its_network_is_alive() -> None:
    """Something moves: errors of a network at rest would say nothing."""
    person, garment = torch.rand(2, 1, 3, 64, 96) * 2 - 1
    worn = network("student", QUICK.widths).wear(person, garment, torch.ones(1, 1, 64, 96))
    assert worn.warped.alignment.refine[-1].abs().max() > 0.1
    assert worn.image.std() > 0.1


def test_gains_are_taken_round_by_round() -> None:
    found = rows("S", "case", {"plain fp32": [2.0, 4.0, 8.0], "fp32": [1.0, 1.0, 4.0]}, per=2)
    assert [row.gain for row in found] == [None, Spread(2.0, 2.0, 3.0)]
    assert found[0].cost.median == 2.0
    assert "| case | fp32 | 500.0 ms |" in markdown(found)


def row(low: float, high: float, variant: str = "fp32") -> Row:
    middle = (low + high) / 2
    return Row("S", "case", variant, "s", Spread(1, 1, 1), Spread(low, middle, high))


@pytest.mark.parametrize(
    ("now", "lost"), [((1.4, 1.6), False), ((1.1, 1.46), False), ((1.0, 1.2), True)]
)
def test_slower_is_what_lies_below_the_spread_of_before(now: tuple[float, float], lost: bool):
    found = slower([row(*now), row(0.1, 0.1, "unknown before")], [row(1.5, 1.7)])
    assert found == (["S, case, fp32: 1.10x of plain, was 1.60x"] if lost else [])


@pytest.mark.slow
def test_a_quick_run_reports_and_compares(tmp_path, capsys) -> None:
    """Everything that takes no child process and no perceptual network."""
    out = tmp_path / "b.json"
    quick = ["--quick", "--json", str(out), "--only"]
    quick += ["tryon", "growth", "gallery", "parts", "files"]
    threads = torch.get_num_threads()
    assert main([*quick, "--threads", str(threads)]) == 0
    text = capsys.readouterr().out
    assert "| 64x96, batch 2 | bf16 |" in text
    report = json.loads(out.read_text())
    assert report["machine"]["torch"] == torch.__version__
    for saved in report["rows"]:
        if saved["gain"]:  # as if it had been a thousand times as fast
            saved["gain"] = {k: v * 1000 for k, v in saved["gain"].items()}
    out.write_text(json.dumps(report))
    again = ["--quick", "--json", str(tmp_path / "c.json"), "--only", "parts"]
    assert main([*again, "--compare", str(out)]) == 1
    assert "Slower than before:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("end", "code"),
    [(partial(time.sleep, 9), 0), (partial(signal.raise_signal, signal.SIGTERM), 143)],
)
def test_out_of_time_or_stopped_it_tells_and_keeps_what_it_has(
    end: Callable[[], object], code: int, tmp_path, monkeypatch, capsys
) -> None:
    def measured(*_: object) -> Iterator[Row]:
        yield row(1, 2, "fast")
        end()

    monkeypatch.setattr("benchmarks.__main__.measure", measured)
    out = tmp_path / "b.json"
    assert main(["--quick", "--seconds", "0.05", "--json", str(out)]) == code
    told = capsys.readouterr()
    assert "| case | fast |" in told.err and "| case | fast |" in told.out
    assert [kept["variant"] for kept in json.loads(out.read_text())["rows"]] == ["fast"]


def test_in_one_process_the_first_calls_do_not_count_either() -> None:
    calls = iter(range(9))

    @contextmanager
    def maker() -> Iterator[Callable[[], int]]:
        yield lambda: next(calls)

    turns = here(maker, 3, torch.device("cpu"))
    assert [turn.result for turn in turns] == [2, 3, 4]


def test_a_large_batch_shows_few_drawn_people_again() -> None:
    people = batch(DRAWN + 1, (16, 32))
    assert torch.equal(people.person[DRAWN], people.person[0])
    assert not torch.equal(people.person[1], people.person[0])


def test_a_grown_data_set_is_the_same_samples_over_and_over(tmp_path) -> None:
    source = samples.write(tmp_path / "source", QUICK.size, 3)
    few, many = samples.dataset(source), samples.dataset(samples.grown(source, tmp_path / "x", 4))
    assert (len(few), len(many)) == (3, 12)
    torch.testing.assert_close(many[7].person, few[1].person, rtol=0, atol=0)
    assert not torch.equal(many[7].person, many[6].person)


def test_both_forms_of_reading_give_the_same_batches(tmp_path) -> None:
    forms = {}
    for form, packed in data_path.PACKED.items():
        folder = samples.write(tmp_path / form, QUICK.size, 4, packed)
        forms[form] = next(data_path.batches(folder, form, 0, {"flip": 0.5}))
    torch.testing.assert_close(*forms.values(), rtol=0, atol=0)


def test_reading_is_measured_against_steps_of_the_training_loop(tmp_path) -> None:
    source = samples.write(tmp_path / "source", QUICK.size, 4)
    found = data_path.against_training(source, QUICK, torch.device("cpu"))
    assert [row.variant for row in found] == ["training", "reading"]


def test_other_settings_are_not_compared(tmp_path, capsys) -> None:
    (tmp_path / "b.json").write_text(json.dumps({"settings": {"size": [1, 1]}, "rows": []}))
    assert main(["--quick", "--compare", str(tmp_path / "b.json")]) == 2
    assert "measured with {'size': [1, 1]}" in capsys.readouterr().out


def test_the_schedule_is_the_paper_s_with_its_frozen_epochs_apart() -> None:
    params = Params.load(PAPER)
    found = {phase.name: phase for phase in schedule.phases(params)}
    assert list(found) == [
        "tutor_warp", "tutor_tryon", "fakes",
        "student_warp", "student_warp from epoch 100", "student_tryon",
    ]  # fmt: skip
    epoch = 14221 // 32 * 32
    assert found["tutor_warp"].samples == 100 * epoch
    assert found["fakes"].samples == 4 * 14221
    assert found["student_warp"].samples == 99 * epoch
    assert found["student_warp from epoch 100"].samples == 101 * epoch


@pytest.mark.parametrize("packed", [False, True])
@torch.inference_mode()
def test_packed_convolutions_are_counted_as_others_are(packed: bool, narrow_vgg) -> None:
    layers = vgg.VGG19().features
    if packed:
        pack(layers, torch.float32)
    with FlopCounterMode(display=False, custom_mapping=schedule.PACKED) as counter:
        layers(torch.rand(1, 3, 32, 48))
    assert counter.get_total_flops() == forward_flops(32, 48)


def forward_flops(h: int, w: int) -> int:
    """Of the narrow VGG, from its widths."""
    total, before = 0, 3
    for width in vgg.WIDTHS:
        if isinstance(width, str):
            h, w = h // 2, w // 2
        else:
            total, before = total + 2 * h * w * 9 * before * width, width
    return total


@pytest.mark.parametrize("number", range(6))
@pytest.mark.slow
def test_each_phase_of_the_schedule_is_what_its_stage_trains(number: int, narrow_vgg) -> None:
    phase = schedule.phases(Params.load(PAPER))[number]._replace(batch=2)
    with schedule.work_of(phase, QUICK) as work:
        operations, memory = work()
    assert memory > 0
    # Twice the images, twice the operations: they are those of the batch.
    with schedule.work_of(phase._replace(batch=4), QUICK) as work:
        assert work().operations == pytest.approx(2 * operations, rel=0.02)


def test_warp_stages_have_no_generator_and_the_student_s_copied_parts_stand_still() -> None:
    params = Params.load(PAPER)
    for stage in schedule.TRAININGS:
        recipe = schedule.prepared(params, stage, QUICK.widths)
        assert (recipe.objective.net.generator is None) == stage.endswith("_warp")
        assert bool(recipe.frozen) == (recipe.frozen_epochs > 0) == (stage == "student_warp")


def test_hours_are_those_of_all_samples_at_the_pace_of_the_measured_ones() -> None:
    found = schedule.Found(operations=200 * 10**9, memory=300.0)
    turns = {
        schedule.Phase("tutor_warp", 0, samples=7200, batch=2): [Turn(found, 2.0)] * 3,
        schedule.Phase("fakes", 0, samples=3600, batch=2): [Turn(found, 4.0)] * 3,
    }
    made = list(schedule.costs(turns.items(), (256, 192), "bf16", {"bf16": 400e9}))
    hours = {row.case: row.cost.median for row in made if row.unit == "h"}
    assert hours == {"tutor_warp": 2.0, "fakes": 2.0, "all of it": 4.0}
    text = markdown(made)
    assert "| tutor_warp, 256x192, batch 2 | bf16 | 1.00 s |" in text
    assert "1 samples/s; 100 GFLOP/s, 25% of the ceiling" in text
    assert "| all of it | bf16 | 4.0 h |" in text
    assert "10,800 samples, 1.08e+15 FLOP" in text


def compile_with(monkeypatch, backend) -> None:
    """torch.compile reads the network as ever, and gives what it read to this backend."""
    own = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda made, mode, **how: own(made, backend=backend, **how)
    )


def compare_compiled() -> list[Row]:
    device = torch.device("cpu")
    nets = networks(network("student", QUICK.widths), device)
    return list(compiled.compiled(nets, QUICK, device, {"fp32": 1e12, "bf16": 1e12}))


# Of torch's own, while it reads the cost volume's autograd function.
reads_functions = pytest.mark.filterwarnings("ignore:.*should not be instantiated")


@reads_functions
@pytest.mark.slow
def test_the_compiled_network_is_compared_with_what_it_was_made_of(monkeypatch) -> None:
    compile_with(monkeypatch, "eager")  # runs what was read as it is
    plainly, own, other = compare_compiled()
    assert other.variant == f"{own.variant}, compiled"
    assert f"x of {own.variant}; ready after" in other.note and "off by 0.0e+00" in other.note
    assert "% of the ceiling" in own.note and "ceiling" not in plainly.note


@reads_functions
@pytest.mark.slow
def test_where_nothing_can_be_compiled_it_says_so(monkeypatch) -> None:
    def fails(graph, given):
        raise RuntimeError("no compiler here")

    compile_with(monkeypatch, fails)
    _, own = compare_compiled()
    assert "not compiled, torch.compile fails here: no compiler here" in own.note


@pytest.mark.parametrize("before", [None, "/elsewhere"])
def test_the_compiler_s_cache_is_empty_and_then_as_it_was(before: str | None, monkeypatch) -> None:
    monkeypatch.delenv(CACHE, raising=False)
    if before:
        monkeypatch.setenv(CACHE, before)
    with compiled.empty_cache():
        assert not any(Path(os.environ[CACHE]).iterdir())
    assert os.environ.get(CACHE) == before


@pytest.mark.slow
def test_the_schedule_is_measured_in_processes_of_their_own(tmp_path, capsys) -> None:
    out = tmp_path / "b.json"
    assert main(["--quick", "--json", str(out), "--only", "schedule"]) == 0
    assert "| all of it |" in capsys.readouterr().out
    units = [row["unit"] for row in json.loads(out.read_text())["rows"]]
    assert (units.count("MiB"), units.count("h")) == (6, 7)


@pytest.mark.parametrize("saving", SAVINGS)
def test_without_one_saving_a_step_is_still_a_step(saving: str, narrow_vgg) -> None:
    with step(QUICK, torch.device("cpu"), saving) as run:
        run()


@pytest.mark.slow
def test_an_ablation_leaves_out_one_saving_at_a_time() -> None:
    found = list(ablation(QUICK, torch.device("cpu"), ("fused Adam", "memory kept")))
    assert [row.variant for row in found] == [ALL, "without fused Adam", "without memory kept"]
    assert all("as fast" in row.note for row in found[1:])


@pytest.mark.slow
def test_the_parts_of_a_step_are_all_of_it() -> None:
    found = list(training(QUICK, torch.device("cpu")))
    median = {(row.section, row.case, row.variant): row.cost.median for row in found}
    for variant in ("plain fp32", "fp32"):
        whole = median["Last training stage, per image", "64x96, batch 2", variant]
        parts = [
            seconds
            for (section, _, of), seconds in median.items()
            if "part by part" in section and of == variant
        ]
        assert 0.5 * whole < sum(parts) <= whole
