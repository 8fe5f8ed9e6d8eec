"""`pfafn train-parser` refuses what it cannot train by, before it reads a photo."""

from pathlib import Path

import pytest
from verbs import refused

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lr", "0"], "--lr: Input should be greater than 0"),
        (["--lr", "nan"], "--lr: Input should be a finite number"),
        (["--epochs", "0", "--decay", "0"], "epochs + decay must be at least 1, got 0"),
    ],
)
def test_a_schedule_that_trains_nothing_is_refused(
    options: list[str], said: str, tmp_path: Path
) -> None:
    out = tmp_path / "parser.safetensors"
    assert said in refused("train-parser", tmp_path, "--out", out, "--params", PARAMS, *options)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    said = refused("train-parser", tmp_path, "--out", tmp_path / "parser.pt", "--params", PARAMS)
    assert "a model file's name ends in .safetensors" in said
