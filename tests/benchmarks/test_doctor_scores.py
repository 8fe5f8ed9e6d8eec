"""The table of the doctor's findings counts what it should."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import doctor
from benchmarks.doctor import Score
from benchmarks.doctor_cases import Case
from pfafn.photos.entrance import PersonPhoto
from pfafn.studio.dataset import synthesise

PHOTO = PersonPhoto.of(np.zeros((40, 30, 3), np.uint8))


def test_what_is_due_right_and_wrong_is_counted() -> None:
    score = Score()
    score.add(Case("one", PHOTO, ("far", "near"), ("small",)), {"near", "small", "mask"})
    score.add(Case("one", PHOTO, ("far",)), {"lying"})
    score.add(Case("good", PHOTO), set())
    assert (score.due["far"], score.right["far"]) == (2, 1)
    assert dict(score.wrong) == {"lying": 1}
    assert score.cases["one"] == {"photos": 2, "right": 1, "lying": 1}
    assert score.cases["good"] == {"photos": 1, "right": 1}


@pytest.mark.slow
def test_it_runs_on_drawn_people_without_anybody_who_looks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PFAFN_ESTIMATORS", str(tmp_path / "none"))
    synthesise(tmp_path / "data", train=0, test=2, size=(128, 96), seed=7)
    doctor.main(["--data", str(tmp_path / "data"), "--most", "2"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert ["| display_p3", "person", "2", "2", "0", "1.000", "1.000 |"] in rows
    assert ["| as it is", "person", "2", "2", " |"] in rows
    assert ["| as it is, with its mask", "garment", "2", "2", " |"] in rows
