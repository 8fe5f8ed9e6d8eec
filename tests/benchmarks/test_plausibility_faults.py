"""The table of faults made in a good data set."""

from pathlib import Path

import pytest

from benchmarks.plausibility import report
from pfafn.studio.dataset import synthesise


@pytest.mark.slow
def test_nothing_is_said_of_good_annotations_and_something_of_every_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesise(tmp_path / "data", train=6, test=0, size=(128, 96))
    report(tmp_path / "data", most=6)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    told = [row for row in rows if "what is said" not in row]
    assert len(told) > 40
    assert ["as they are" in row for row in told] == [row.endswith("| nothing |") for row in told]
