"""How sure a gain is, with known answers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pfafn.evaluation.confidence import Gain, Scores, UnknownMetric, gain, read


def scores(values: list[float]) -> Scores:
    names = [(f"{i:06}_0", "5_1") for i in range(len(values))]
    index = pd.MultiIndex.from_tuples(names, names=["person", "garment"])
    return Scores("unpaired.psnr", pd.Series(values, index, dtype=float), 0)


def table(student: list[float], metric: str, protocol: str) -> pd.DataFrame:
    """Of a student, and of the untouched person, who has a score of every pair."""
    persons = [f"{i:06}_0" for i in range(len(student))]
    parts = {"person": np.ones(len(student)), "student": student}
    return pd.concat(
        pd.DataFrame({"model": model, "person": persons, "garment": "5_1", metric: values})
        for model, values in parts.items()
    ).assign(protocol=protocol)


def written(folder: Path, *tables: pd.DataFrame) -> Path:
    pd.concat(tables).to_parquet(folder / "samples.parquet")
    return folder / "samples.parquet"


def test_the_interval_is_that_of_the_normal_distribution_where_there_are_many_pairs() -> None:
    differences = np.random.default_rng(1).normal(0.5, 2, 900)
    found = gain(scores(list(differences)), scores([0.0] * 900))
    off = 1.645 * differences.std() / np.sqrt(900)
    assert (found.mean, found.pairs) == (pytest.approx(differences.mean()), 900)
    assert found.low == pytest.approx(found.mean - off, abs=0.01)
    assert found.high == pytest.approx(found.mean + off, abs=0.01)


def test_equal_differences_leave_no_doubt() -> None:
    found = gain(scores([21.0, 31.0, 41.0]), scores([20.0, 30.0, 40.0]))
    assert found == Gain(1.0, 1.0, 1.0, 3)


@pytest.mark.parametrize("pairs", [0, 1])
def test_fewer_than_two_pairs_tell_nothing(pairs: int) -> None:
    assert gain(scores([30.0] * pairs), scores([20.0] * 3)) is None


def test_the_same_scores_give_the_same_interval() -> None:
    first, second = (scores(list(np.random.default_rng(n).normal(size=30))) for n in (1, 2))
    assert gain(first, second) == gain(first, second)
    assert gain(first, second).low == pytest.approx(-gain(second, first).high)


def test_only_pairs_that_both_have_scores_of_count() -> None:
    found = gain(scores([21.0, 31.0, 99.0]), scores([20.0, 30.0]))
    assert (found.mean, found.pairs) == (1.0, 2)


def test_where_lower_is_better_less_is_a_gain(tmp_path: Path) -> None:
    first = read(written(tmp_path, table([1.0, 2.0], "epe", "paired")), "paired.epe")
    second = read(written(tmp_path, table([4.0, 5.0], "epe", "paired")), "paired.epe")
    assert gain(first, second).mean == 3.0


PAIRED, UNPAIRED = [0.9, 0.8], [21.0, 22.0]
UNKNOWN = [np.nan, np.nan]


def test_auto_takes_the_clothes_where_the_truth_is_known_before_the_paired_photo(
    tmp_path: Path,
) -> None:
    both = table(PAIRED, "ssim", "paired"), table(UNPAIRED, "psnr_clothes", "unpaired")
    found = read(written(tmp_path, *both), "auto")
    assert (found.metric, list(found.values)) == ("unpaired.psnr_clothes", UNPAIRED)


def test_auto_takes_the_paired_photo_where_nothing_else_is_known(tmp_path: Path) -> None:
    unknown = table(UNKNOWN, "psnr_clothes", "unpaired").assign(psnr_clothes=np.nan)
    path = written(tmp_path, table(PAIRED, "ssim", "paired"), unknown)
    assert read(path, "auto").metric == "paired.ssim"


def test_pairs_that_only_others_have_a_number_for_are_missing(tmp_path: Path) -> None:
    for failed in (np.nan, np.inf):
        found = read(written(tmp_path, table([0.9, failed], "ssim", "paired")), "paired.ssim")
        assert (list(found.values), found.missing) == ([0.9], 1)


def test_a_person_in_two_garments_is_two_pairs(tmp_path: Path) -> None:
    one = table([0.5], "ssim", "paired")
    path = written(tmp_path, one, table([0.75], "ssim", "paired").assign(garment="6_1"))
    assert read(path, "paired.ssim").values.tolist() == [0.5, 0.75]


def test_a_misspelt_metric_names_the_ones_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, table([1.0], "psnr_clothes", "unpaired"))
    with pytest.raises(UnknownMetric, match=r"\['psnr_clothes'\], got 'unpaired.psnr'"):
        read(path, "unpaired.psnr")
