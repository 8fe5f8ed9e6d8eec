"""What a device was asked and answered: one check after the other. Knows no torch."""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

WORD = {True: "ok", False: "FAILED", None: ""}


class Found(NamedTuple):
    """What a check found. passed: None where it only measures, or cannot be made on this device."""

    told: str
    passed: bool | None = None
    numbers: dict[str, Any] = {}


Check = tuple[str, Callable[[], Found]]


class Finding(NamedTuple):
    """The same, with the part and the case that it is of."""

    part: str
    case: str
    told: str
    passed: bool | None
    numbers: dict[str, Any]

    def line(self) -> str:
        return json.dumps(self._asdict())

    def __str__(self) -> str:
        return f"{WORD[self.passed]:6} {self.part}: {self.case}: {self.told}"


def is_finding(line: str) -> bool:
    """Whether a line is a finding: libraries not written in Python print past all."""
    return line.startswith('{"part"')


def counted(found: Iterable[Finding]) -> str:
    """How many passed, failed, and were measured."""
    passed = [finding.passed for finding in found]
    ok, bad, rest = (passed.count(which) for which in (True, False, None))
    return f"{ok} passed, {bad} failed, {rest} measured or not to be asked here"


def markdown(title: str, found: list[Finding]) -> str:
    """A title, what it comes to, and a table per part."""
    tables = []
    for part in dict.fromkeys(finding.part for finding in found):
        lines = [f"## {part}\n", "| | | |", "|---|---|---|"]
        for finding in found:
            if finding.part == part:
                told = finding.told.replace("|", "\\|").replace("\n", " ")
                lines.append(f"| {finding.case} | {WORD[finding.passed]} | {told} |")
        tables.append("\n".join(lines))
    return "\n\n".join([f"# {title}", counted(found), *tables]) + "\n"
