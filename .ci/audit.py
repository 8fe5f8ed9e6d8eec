"""Known vulnerabilities of the pinned packages, as PyPI tells them to pip-audit.

    python .ci/audit.py

Exit code 1 if there is one that `.ci/reviewed.txt` does not list. Where PyPI cannot be asked,
nothing is known: that is said, and is no failure.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PINS = ROOT / "constraints.txt"
REVIEWED = ROOT / ".ci" / "reviewed.txt"
COMMAND = ("-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json", "--requirement")


class Verdict(NamedTuple):
    """What is to be said, and whether it is good enough."""

    lines: list[str]
    passed: bool


def reviewed(path: Path) -> dict[str, str]:
    """Identifier -> reason. Raises ValueError for a line without a reason."""
    found = {}
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, reason = line.partition(" ")
        if not reason.strip():
            raise ValueError(f"{path}: {name} needs a reason behind it")
        found[name] = reason.strip()
    return found


def judge(packages: list[dict[str, Any]], accepted: dict[str, str]) -> Verdict:
    """packages: what pip-audit says of each; accepted: vulnerabilities that somebody looked at."""
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return unmeasured("no package could be looked up")
    lines, passed = [f"audit: {len(asked)} of {len(packages)} packages could be looked up"], True
    for package in asked:
        for found in package["vulns"]:
            names = [found["id"], *found.get("aliases", ())]
            reason = next((accepted[name] for name in names if name in accepted), None)
            fixed = ", ".join(found.get("fix_versions", ())) or "no version yet"
            what = f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}"
            lines.append(f"accepted: {what} ({reason})" if reason else f"VULNERABLE: {what}")
            passed &= reason is not None
    if not passed:
        lines.append(f"raise the pin in {PINS.name}, or list it with a reason in {REVIEWED.name}")
    return Verdict(lines, passed)


def unmeasured(why: str) -> Verdict:
    return Verdict([f"audit: UNMEASURED, nothing is known of vulnerabilities here: {why}"], True)


def audit() -> Verdict:
    done = subprocess.run(
        [sys.executable, *COMMAND, str(PINS)], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return unmeasured((done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1])
    return judge(packages, reviewed(REVIEWED))


if __name__ == "__main__":
    verdict = audit()
    print("\n".join(verdict.lines))
    sys.exit(not verdict.passed)
