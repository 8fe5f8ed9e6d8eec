"""Eight bits are judged on try-ons of test persons, by the true pictures of those."""

from pathlib import Path

import numpy as np
import onnxfile
import pytest

from benchmarks import int8
from pfafn.evaluation.testset import TestSet


def test_examples_are_the_pairs_of_the_evaluation(test_set: TestSet, tiny_artifacts: Path) -> None:
    found = list(int8.examples(tiny_artifacts / "prepare", "test", 9))
    pairs = [test_set.pair(item, "unpaired") for item in test_set.persons]
    truths = [test_set.known(pair).image for pair in pairs]
    assert len(found) == len(pairs) == 3
    for example, truth in zip(found, truths, strict=True):
        assert (example.truth is None) == (truth is None)
        if truth is not None:
            told = (truth.movedim(0, -1) * 255).numpy()
            np.testing.assert_allclose(example.truth, told, atol=0.5)
            assert example.given["person"].shape == (1, *told.shape)


def test_both_files_are_told_with_their_distance_from_the_truth(
    tiny_artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Of one that quantising leaves as it is."""
    file = onnxfile.write(tmp_path / "f.onnx")
    monkeypatch.setattr(int8, "quantised", lambda file, out, pairs: onnxfile.write(out))
    prepare = tiny_artifacts / "prepare"
    int8.main([str(file), "--prepare", str(prepare), "--out", str(tmp_path / "new/i.onnx")])
    float32, eight = (line.split(" | ") for line in capsys.readouterr().out.splitlines()[-2:])
    assert float32[3] == eight[3] and float32[3].endswith(" dB")
    assert eight[4] == f"{int8.psnr(np.zeros(1), np.zeros(1)):.1f} dB |"


def test_the_distance_of_pictures_is_told_in_decibels() -> None:
    assert int8.psnr(np.zeros((2, 3)), np.full((2, 3), 25.5)) == pytest.approx(20)
