"""The judge of estimators: who knows the truth has all points and classes."""

from pathlib import Path

import numpy as np
import photoset
import pytest

from benchmarks import estimators
from pfafn.estimators.parser import Seen


class Knows:
    def see(self, rgb: np.ndarray) -> Seen:
        return Seen(photoset.parsing(rgb.shape[:2]), photoset.keypoints(rgb.shape[:2]))


def test_who_knows_the_truth_is_right_in_every_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = photoset.viton(tmp_path / "data")
    monkeypatch.setattr(estimators.PhotoParser, "load", lambda path: (Knows(), {}))
    monkeypatch.setattr(estimators, "people", lambda: None)
    monkeypatch.setattr(estimators.torch, "set_num_threads", lambda threads: None)
    estimators.main(["--data", str(data), "--parser", "p.safetensors", "--most", "2"])
    told = capsys.readouterr().out
    assert told.startswith("2 persons; one thread")
    rows = dict(line.strip("| ").split(" | ") for line in told.splitlines() if "." in line[-8:])
    assert {row for row, value in rows.items() if value == "1.000"} >= {
        "all", "wrists", "person, mean", "upper clothes", "left arm", "face",
    }  # fmt: skip


def test_with_nothing_to_judge_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(estimators, "people", lambda: None)
    with pytest.raises(SystemExit):
        estimators.main([])
    assert "give --parser FILE, or run `pfafn estimators fetch`" in capsys.readouterr().err
