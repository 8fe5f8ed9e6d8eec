"""constraints.txt is what is installed, all of it, and a bare install is free of the GPL."""

import importlib.metadata
import tomllib
from functools import cache

import pytest
from importgraph import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OF_A_CLUSTER = "ray"  # has the version that the cluster has
EXTRAS = {n: r for n, r in PROJECT["optional-dependencies"].items() if n != OF_A_CLUSTER}
COMES_WITH_PYTHON = {"setuptools"}  # with what builds the environment, in a version of its own
OF_TORCH = ("nvidia-", "cuda-", "triton")  # of its build for GPUs, which pins them itself


def requirements(lines: list[str]) -> list[Requirement]:
    return [Requirement(line) for line in lines]


def closure(wanted: list[Requirement]) -> set[str]:
    """Names of all that is installed for the sake of some requirements."""
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = list(wanted)
    while todo:
        one = todo.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key in seen:
            continue
        seen.add(key)
        for inner in requirements(importlib.metadata.requires(one.name) or []):
            extras = one.extras or {""}
            if inner.marker is None or any(inner.marker.evaluate({"extra": e}) for e in extras):
                todo.append(inner)
    names = {name for name, _ in seen} - COMES_WITH_PYTHON
    return {name for name in names if not name.startswith(OF_TORCH)}


@cache
def base() -> set[str]:
    return closure(requirements(PROJECT["dependencies"]))


def pins() -> dict[str, Requirement]:
    """Of this Python."""
    lines = (ROOT / "constraints.txt").read_text().split("\n")
    found = requirements([line for line in lines if line.strip() and not line.startswith("#")])
    here = (pin for pin in found if pin.marker is None or pin.marker.evaluate())
    return {canonicalize_name(pin.name): pin for pin in here}


def test_everything_that_is_installed_for_the_project_is_pinned() -> None:
    extras = requirements([line for lines in EXTRAS.values() for line in lines])
    assert base() | closure(extras) <= set(pins())


def test_every_pinned_package_is_installed_in_exactly_that_version() -> None:
    # A local label, such as torch's +cpu, tells builds of one version apart.
    installed = {name: Version(importlib.metadata.version(name)).public for name in pins()}
    assert {name: str(pin.specifier) for name, pin in pins().items()} == {
        name: f"=={version}" for name, version in installed.items()
    }


def test_nothing_in_the_base_install_is_under_the_gpl() -> None:
    assert [name for name in sorted(base()) if is_gpl(licence(name))] == []


@pytest.mark.parametrize(
    ("text", "gpl"),
    [
        ("GPL-3.0-only", True),
        ("GNU General Public License v2 (GPLv2)", True),
        ("Apache-2.0 OR GPL-2.0-or-later", False),  # the choice is ours
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MIT", False),
    ],
)
def test_a_licence_is_told_from_its_name(text: str, gpl: bool) -> None:
    assert is_gpl(text) is gpl


def licence(name: str) -> str:
    """What a distribution says its licence is: expression, else classifiers, else text."""
    told = importlib.metadata.metadata(name)
    classifiers = [c for c in told.get_all("Classifier", []) if c.startswith("License :: ")]
    named = [c.rpartition(" :: ")[2] for c in classifiers if c != "License :: OSI Approved"]
    return told.get("License-Expression") or " AND ".join(named) or told.get("License", "")[:80]


def is_gpl(text: str) -> bool:
    """Whether every choice that a licence offers is the GPL, or the Affero GPL."""
    choices = text.split(" OR ")
    strong = [
        ("GPL" in c or "General Public License" in c) and "LGPL" not in c and "Lesser" not in c
        for c in choices
    ]
    return all(strong)
