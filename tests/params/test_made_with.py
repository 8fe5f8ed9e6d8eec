"""The file that something was made with is told from the params it was made with."""

from pathlib import Path
from typing import Any

import pytest

from pfafn.params.profiles import made_with


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "params.yaml").write_text("{seed: 0, a: {b: 1, c: [1, 2]}, d: 5}")
    (tmp_path / "profiles/smoke.yaml").write_text("{seed: 0, a: {b: 2, c: [1, 2]}, d: 6}")
    return tmp_path


@pytest.mark.parametrize(
    ("used", "said"),
    [
        ({"seed": 0, "a.b": 1, "d": 5}, "params.yaml"),
        ({"a.b": 2, "a.c": [1, 2], "d": 6}, "profiles/smoke.yaml"),
        ({"a.b": 2, "a.c": [3], "d": 6}, "profiles/smoke.yaml, but a.c=[3]"),
        ({"seed": 0}, "profiles/smoke.yaml"),
        ({}, "unknown"),
        (
            {f"x.{n}": n for n in range(7)},
            "profiles/smoke.yaml, but x.0=0, x.1=1, x.2=2, x.3=3, x.4=4 and 2 more",
        ),
    ],
)
def test_the_nearest_file_is_named_with_what_differs(
    root: Path, used: dict[str, Any], said: str
) -> None:
    assert made_with(used, root) == said


def test_where_no_file_is_nothing_is_known(tmp_path: Path) -> None:
    assert made_with({"seed": 0}, tmp_path) == "unknown"
