"""Models and baselines on a test split: a table of scores and its summary."""

import math

import pandas as pd
import pytest
import tinyset
import torch

from pfafn.evaluation.compare import Dressed, dress, rows, summary
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
