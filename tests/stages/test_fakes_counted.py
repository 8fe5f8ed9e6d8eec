"""Which fakes are good enough, how they are counted, and which of them are shown."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import tinyset

from pfafn.photos.images import decode_rgb, pack
from pfafn.stages import fakes

LIMITS = tinyset.params().fakes.model_copy(update={"min_area": 0.1, "min_agreement": 0.5})
# Of each fake: the person, whether it is finite, area, agreement, and whether it is taken.
FAKES = [
    (0, 1.0, 0.1, 0.5, True),
    (0, 1.0, 0.09, 0.9, False),
    (1, 1.0, 0.4, 0.49, False),
    (1, 0.0, 0.4, 0.9, False),
    (2, 1.0, 0.3, 0.9, True),
    (2, 1.0, 0.2, 0.7, True),
    (3, 0.0, np.nan, np.nan, False),
]
TABLE = pd.DataFrame(FAKES, columns=["item", "finite", "area", "agreement", "accepted"])


def test_a_fake_is_taken_that_is_finite_and_reaches_both_limits() -> None:
    assert fakes.accepted(TABLE, LIMITS).tolist() == TABLE["accepted"].tolist()


def test_what_is_left_out_is_counted_by_reason_and_the_scores_are_of_what_is_taken() -> None:
    assert fakes.summary(TABLE, LIMITS) == {
        "fakes": 7, "rejected": 4, "rejected_not_finite": 2, "rejected_area": 1,
        "rejected_agreement": 1, "persons_without_fake": 2,
        "area": pytest.approx(0.2), "agreement": pytest.approx(0.7),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("agreement", "rows"), [([0.9, 0.1, 0.5, 0.7, 0.3], [[1, 4], [4, 2], [3, 0]]), ([0.2], [[0]])]
)
def test_the_picture_has_the_worst_the_middle_and_the_best(
    monkeypatch: pytest.MonkeyPatch, agreement: list[float], rows: list[list[int]]
) -> None:
    monkeypatch.setattr(fakes, "SHOWN", 2)
    table = pd.DataFrame({"agreement": agreement, "area": range(len(agreement))})
    shards: Any = [{"image": pack(np.full((3, 4, 3), n, np.uint8))} for n in range(5)]
    found = decode_rgb(fakes.picture(shards, table, (3, 4)), "fakes")
    shown = found[::3, ::4, 0].tolist()
    assert shown == (rows if len(rows) == 3 else rows * 3)
