"""What dvc.yaml says of each stage."""

import itertools
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from dvcdeps import FILE, is_code

STAGES: dict[str, dict] = yaml.safe_load(FILE.read_text())["stages"]
RUN_IF_STALE = [name for name, stage in STAGES.items() if not stage.get("always_changed")]


def paths(stage: dict, *kinds: str) -> list[str]:
    """Paths of outs, metrics or plots; DVC writes them plain or as {path: options}."""
    items = itertools.chain.from_iterable(stage.get(kind, []) for kind in kinds)
    return [item if isinstance(item, str) else next(iter(item)) for item in items]


def written(stage: str) -> list[str]:
    return paths(STAGES[stage], "outs", "metrics", "plots")


def inputs(stage: str) -> set[str]:
    """What a stage reads that is no code."""
    return {dep for dep in STAGES[stage]["deps"] if not is_code(dep)}


def covers(path: str, other: str) -> bool:
    return other == path or other.startswith(f"{path}/")


def with_those_after(stages: set[str]) -> set[str]:
    """The stages, and all that read what one of them writes."""
    stale = set(stages)
    for name in STAGES:  # in the order in which they run
        made = [out for other in stale for out in written(other)]
        if any(covers(out, dep) for out in made for dep in inputs(name)):
            stale.add(name)
    return stale - {"register"}


def leaves(content: Any, key: str = "") -> dict[str, Any]:
    """Nested params by dotted key; an empty prefix for the whole of them."""
    if not isinstance(content, Mapping):
        return {key: content}
    parts = (leaves(value, f"{key}.{name}".lstrip(".")) for name, value in content.items())
    return dict(itertools.chain.from_iterable(part.items() for part in parts))


def reads_param(stage: str, leaf: str) -> bool:
    return any(leaf == key or leaf.startswith(f"{key}.") for key in STAGES[stage]["params"])


@contextmanager
def nothing_else(artifacts: Path, stage: str) -> Iterator[None]:
    """Meanwhile there is nothing in `artifacts` but what dvc.yaml lets a stage read."""
    aside = artifacts.with_name("aside")
    others = [path for path in artifacts.glob("*/*") if path.parent.name != stage]
    hidden = [p for p in others if f"artifacts/{p.parent.name}/{p.name}" not in inputs(stage)]
    for path in hidden:
        (aside / path.parent.name).mkdir(parents=True, exist_ok=True)
        path.rename(aside / path.parent.name / path.name)
    try:
        yield
    finally:
        for path in hidden:
            (aside / path.parent.name / path.name).rename(path)
        shutil.rmtree(aside, ignore_errors=True)
