"""The audit of the pins: a known vulnerability fails, an unreachable service is told of."""

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from importgraph import ROOT


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SOUND = {"name": "torch", "version": "2.13.0", "vulns": []}
SKIPPED = {"name": "dvc", "skip_reason": "Dependency not found on PyPI"}
FLAWED = {
    "name": "pillow", "version": "9.0.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["9.0.1"]}],
}  # fmt: skip


def test_no_vulnerability_passes_and_says_how_many_were_looked_up(audit: ModuleType) -> None:
    verdict = audit.judge([SOUND, SKIPPED], {})
    assert verdict.passed
    assert verdict.lines == ["audit: 1 of 2 packages could be looked up"]


def test_a_known_vulnerability_fails_with_its_fix(audit: ModuleType) -> None:
    verdict = audit.judge([SOUND, FLAWED], {"CVE-2": "another one"})
    assert not verdict.passed
    assert verdict.lines[1] == "VULNERABLE: pillow 9.0.0: PYSEC-1, fixed in 9.0.1"


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-1"])
def test_one_that_was_looked_at_is_told_with_the_reason(audit: ModuleType, name: str) -> None:
    verdict = audit.judge([FLAWED], {name: "we read no such file"})
    assert verdict.passed
    assert verdict.lines[1].endswith("(we read no such file)")


def test_packages_that_could_not_be_looked_up_are_not_called_sound(audit: ModuleType) -> None:
    verdict = audit.judge([SKIPPED, SKIPPED], {})
    assert verdict.passed
    assert "UNMEASURED" in verdict.lines[0]


def test_without_a_service_the_reason_is_told(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "Traceback\nConnectionError: no route\n")

    monkeypatch.setattr(audit.subprocess, "run", broken)
    assert audit.audit() == audit.unmeasured("ConnectionError: no route")


def test_accepting_a_vulnerability_takes_a_reason(audit: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# why\n\nCVE-1 never reached\nCVE-2\n")
    with pytest.raises(ValueError, match="CVE-2 needs a reason"):
        audit.reviewed(tmp_path / "list")


def test_the_list_of_this_project_can_be_read(audit: ModuleType) -> None:
    assert all(audit.reviewed(audit.REVIEWED).values())
