"""The benchmark of ONNX files compares try-ons of the same pictures by the same network."""

from pathlib import Path

import pytest

from benchmarks import onnx


@pytest.mark.slow
def test_each_file_is_written_with_its_operations_and_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.main(["--quick", "--rounds", "1", "--threads", "1", "--files", str(tmp_path)])
    table = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "ONNX" in line]
    assert [int(row[-1].strip("| ")) <= 1 for row in table] == [True] * 3
    sizes = [(tmp_path / "tiny" / f"{number}.onnx").stat().st_size for number in range(3)]
    assert sizes[2] > max(sizes[:2])  # 49 products of every level
