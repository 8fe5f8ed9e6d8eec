"""The gate promotes only what is surely better."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pfafn.registry import gate


def table(student: list[float], metric: str = "psnr_clothes") -> pd.DataFrame:
    known = pd.DataFrame({"model": "person", metric: np.ones(len(student))})
    own = pd.DataFrame({"model": "student", metric: student})
    for part in (known, own):
        part["person"] = [f"{i:06}_0" for i in range(len(student))]
        part["item"], part["garment"] = range(len(student)), "5_1"
    return pd.concat([known, own]).assign(protocol="unpaired")


def scores(folder: Path, values: list[float], metric: str = "psnr_clothes") -> gate.Scores:
    table(values, metric).to_parquet(folder / "samples.parquet")
    return gate.read(folder / "samples.parquet", f"unpaired.{metric}")


def test_the_gate_wants_to_be_sure_of_the_gain(tmp_path: Path) -> None:
    champion = scores(tmp_path, [20.0] * 10)
    sure = scores(tmp_path, [20.1] * 10)
    lucky = scores(tmp_path, [20.0 - 1] * 6 + [22.0] * 4)
    assert gate.compare(sure, champion, margin=0.05).promote
    assert not gate.compare(sure, champion, margin=0.2).promote
    assert lucky.values.mean() > champion.values.mean()
    assert not gate.compare(lucky, champion, margin=0.0).promote


def test_pairs_are_matched_by_name_for_items_renumber_when_photos_come(tmp_path: Path) -> None:
    champion = scores(tmp_path, [20.0, 30.0, 40.0])
    later = table([21.0, 31.0, 41.0])
    later["item"] += 100
    later.to_parquet(tmp_path / "samples.parquet")
    student = gate.read(tmp_path / "samples.parquet", "unpaired.psnr_clothes")
    assert gate.compare(student, champion, margin=0.5).promote


def test_the_same_student_is_not_better_than_itself(tmp_path: Path) -> None:
    same = scores(tmp_path, [20.0, 21.0])
    assert not gate.compare(same, same, margin=0.0).promote


def test_where_lower_is_better_less_is_a_gain(tmp_path: Path) -> None:
    champion, new = scores(tmp_path, [3.0, 4.0], "epe"), scores(tmp_path, [1.0, 1.0], "epe")
    assert gate.compare(new, champion, margin=1.0).promote


def test_other_pairs_are_not_compared(tmp_path: Path) -> None:
    decision = gate.compare(scores(tmp_path, [30.0] * 3), scores(tmp_path, [20.0] * 2), 0.0)
    assert not decision.promote
    assert "same pairs" in decision.reason


def test_auto_takes_the_first_metric_that_has_numbers(tmp_path: Path) -> None:
    paired = table([0.9, 0.8], "ssim").assign(protocol="paired")
    unknown = table([np.nan, np.nan]).assign(psnr_clothes=np.nan)
    pd.concat([unknown, paired]).to_parquet(tmp_path / "samples.parquet")
    assert gate.read(tmp_path / "samples.parquet", "auto").metric == "paired.ssim"


def test_a_misspelt_metric_names_the_ones_there_are(tmp_path: Path) -> None:
    table([1.0]).to_parquet(tmp_path / "samples.parquet")
    with pytest.raises(gate.GateError, match=r"\['psnr_clothes'\], got 'unpaired.psnr'"):
        gate.read(tmp_path / "samples.parquet", "unpaired.psnr")
