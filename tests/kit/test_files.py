"""A file that has its name is whole, and on the disk."""

import os
from pathlib import Path

import pytest

from pfafn.kit.files import write_text


def test_a_file_gets_its_name_once_its_content_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    flush, rename = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: steps.append("flushed") or flush(file))
    monkeypatch.setattr(Path, "replace", lambda *names: steps.append("named") or rename(*names))
    write_text(tmp_path / "metrics.json", "{}")
    assert steps == ["flushed", "named"]
