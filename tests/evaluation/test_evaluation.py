"""Models and baselines on a test split: a table of scores and its summary."""

import math

import pandas as pd
import pytest
import tinyset
import torch

from pfafn.evaluation import compare
from pfafn.evaluation.compare import Dressed, dress, evaluate, rows, summary
from pfafn.evaluation.metrics import METRICS
from pfafn.photos.tensors import to_device


@pytest.mark.parametrize("protocol", ["paired", "unpaired"])
def test_every_model_dresses_the_batch(networks, test_set, protocol, batch):
    batch = to_device(batch, torch.device("cpu"))
    made = dress(*networks, batch, protocol)
    assert list(made) == ["tutor", "student", "person", "torso_box"]
    for model, dressed in made.items():
        assert dressed.image.shape == (3, 3, *tinyset.SIZE)
        assert (dressed.grid is None) == (model == "person")
    assert torch.equal(made["person"].image, batch.person)


def test_a_table_row_per_pair_and_model(networks, test_set, batch):
    for protocol, pairs in (("paired", 2), ("unpaired", 3)):
        found = pd.DataFrame(rows(test_set, batch, dress(*networks, batch, protocol), protocol))
        assert len(found) == 4 * pairs
        expected = {"item", "person", "garment", "protocol", "model", *METRICS}
        assert set(found.columns) == expected


def test_paired_the_untouched_person_scores_perfectly(networks, test_set, batch):
    found = rows(test_set, batch, dress(*networks, batch, "paired"), "paired")
    untouched = [row for row in found if row["model"] == "person"]
    assert [row["psnr"] for row in untouched] == [100, 100]
    assert [row["ssim"] for row in untouched] == pytest.approx([1, 1], abs=2e-4)


def test_a_model_that_gives_no_numbers_has_no_scores(test_set, batch):
    broken = batch.person.clone()
    broken[1, 0, 5, 5] = torch.nan
    found = rows(test_set, batch, {"student": Dressed(broken)}, "paired")
    assert not math.isnan(found[0]["ssim"])
    assert all(math.isnan(found[1][name]) for name in METRICS)


def test_the_summary_averages_what_is_known_and_says_how_much_that_is():
    table = pd.DataFrame([
        {"protocol": "unpaired", "model": model, **dict.fromkeys(METRICS, math.nan), "ssim": value}
        for model, values in (("student", (0.5, math.nan)), ("person", (0.2, 0.4)))
        for value in values
    ])  # fmt: skip
    found = summary(table)
    assert found["unpaired"] == {"student": {"ssim": 0.5}, "person": {"ssim": 0.3}}
    assert found["counts"] == {"unpaired": {"pairs": 2, "student": 1, "person": 2}}


def test_a_mean_is_no_median_and_has_six_digits():
    values = dict.fromkeys(METRICS, math.nan)
    table = pd.DataFrame([
        {"protocol": "paired", "model": "student", **values, "psnr": psnr}
        for psnr in (10.0, 20.0, 60.0, 10.0000001)
    ])  # fmt: skip
    assert summary(table)["paired"] == {"student": {"psnr": 25.0}}


def test_every_batch_is_seen_under_both_protocols_and_all_pairs_are_counted(
    networks, test_set, capsys
):
    seen = [(one.protocol, len(one.batch.item)) for one in evaluate(*networks, test_set, 2)]
    assert seen == [("paired", 2), ("unpaired", 2), ("paired", 1), ("unpaired", 1)]
    assert capsys.readouterr().err.startswith("evaluate: 6/6 pairs")


@pytest.mark.parametrize(("wish", "lower"), [("bf16", True), ("fp32", False)])
def test_networks_compute_in_the_precision_that_is_wished_for(
    networks, batch, monkeypatch, wish, lower
):
    seen = []

    def watched(compute):
        def computed(*given):
            seen.append(torch.is_autocast_enabled("cpu"))
            return compute(*given)

        return computed

    monkeypatch.setenv("PFAFN_PRECISION", wish)
    monkeypatch.setattr(compare, "redress", watched(compare.redress))
    monkeypatch.setattr(networks[1], "wear", watched(networks[1].wear))
    dress(*networks, batch, "paired")
    assert seen == [lower, lower]
