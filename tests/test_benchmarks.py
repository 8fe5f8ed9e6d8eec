"""The benchmarks measure what they say; how long anything took is no test."""

import json

import pytest
import torch

from benchmarks import data_path, plain, samples
from benchmarks.__main__ import main
from benchmarks.ablation import ALL, SAVINGS, ablation, step
from benchmarks.rows import Row, markdown, rows, slower
from benchmarks.subject import QUICK, network
from benchmarks.timing import Spread
from benchmarks.training import training
from pfafn.models import vgg
from pfafn.models.correlation import cost_volume
from pfafn.models.tryon import save


@torch.inference_mode()
def test_the_plain_network_is_the_network(tmp_path) -> None:
    net = network("student", QUICK.widths)
    person, garment = torch.rand(2, 1, 3, 64, 96) * 2 - 1
    given = person, garment, torch.ones(1, 1, 64, 96)
    save(net, tmp_path / "m", {})
    expected = net.wear(*given).image
    for made in (plain.plain(net), plain.load(tmp_path / "m")):
        torch.testing.assert_close(made.wear(*given).image, expected, atol=1e-4, rtol=0)


def test_its_network_is_alive() -> None:
    """Something moves: errors of a network at rest would say nothing."""
    person, garment = torch.rand(2, 1, 3, 64, 96) * 2 - 1
    worn = network("student", QUICK.widths).wear(person, garment, torch.ones(1, 1, 64, 96))
    assert worn.warped.alignment.refine[-1].abs().max() > 0.1
    assert worn.image.std() > 0.1


def test_the_plain_cost_volume_is_ours() -> None:
    garment, person = torch.randn(2, 2, 5, 6, 20)
    torch.testing.assert_close(plain.cost_volume(garment, person), cost_volume(garment, person))


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


def test_a_grown_data_set_is_the_same_samples_over_and_over(tmp_path) -> None:
    source = samples.write(tmp_path / "source", QUICK.size, 3)
    few, many = samples.dataset(source), samples.dataset(samples.grown(source, tmp_path / "x", 4))
    assert (len(few), len(many)) == (3, 12)
    torch.testing.assert_close(many[7]["person"], few[1]["person"], rtol=0, atol=0)
    assert not torch.equal(many[7]["person"], many[6]["person"])


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


@pytest.mark.parametrize("saving", SAVINGS)
def test_without_one_saving_a_step_is_still_a_step(saving: str, monkeypatch) -> None:
    narrow = tuple(w if isinstance(w, str) else w // 16 for w in vgg.WIDTHS)
    monkeypatch.setattr(vgg, "WIDTHS", narrow)
    deterministic = torch.are_deterministic_algorithms_enabled()
    with step(QUICK, torch.device("cpu"), saving) as run:
        run()
    torch.use_deterministic_algorithms(deterministic)


@pytest.mark.slow
def test_an_ablation_leaves_out_one_saving_at_a_time() -> None:
    found = ablation(QUICK, torch.device("cpu"), ("fused Adam", "memory kept"))
    assert [row.variant for row in found] == [ALL, "without fused Adam", "without memory kept"]
    assert all("as fast" in row.note for row in found[1:])


@pytest.mark.slow
def test_the_parts_of_a_step_are_all_of_it() -> None:
    found = training(QUICK, torch.device("cpu"))
    median = {(row.section, row.case, row.variant): row.cost.median for row in found}
    for variant in ("plain fp32", "fp32"):
        whole = median["Last training stage, per image", "64x96, batch 2", variant]
        parts = [
            seconds
            for (section, _, of), seconds in median.items()
            if "part by part" in section and of == variant
        ]
        assert 0.5 * whole < sum(parts) <= whole
