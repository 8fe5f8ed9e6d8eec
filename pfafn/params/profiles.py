"""Which of a project's params files something was made with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

MOST = 5  # differences that are named


def made_with(used: Mapping[str, Any], root: Path) -> str:
    """The file, params.yaml or one of profiles/, that is nearest to these params, and what differs.

    Of equals a profile is named, as params.yaml may be a copy of it.

    used: flat, {"tutor_warp.lr": 0.0005, ...}; what they do not name is not asked.
    """
    files = [*sorted(root.glob("profiles/*.yaml")), root / "params.yaml"]
    differing = {
        file.relative_to(root): differences(used, file) for file in files if file.is_file()
    }
    if not differing or not used:
        return "unknown"
    name, differ = min(differing.items(), key=lambda item: len(item[1]))
    shown = ", ".join(f"{key}={used[key]}" for key in differ[:MOST])
    more = f" and {len(differ) - MOST} more" if len(differ) > MOST else ""
    return f"{name}, but {shown}{more}" if differ else str(name)


def differences(used: Mapping[str, Any], file: Path) -> list[str]:
    """The keys that have another value in a params file."""
    content = yaml.safe_load(file.read_text())
    return [key for key, value in used.items() if found(content, key) != value]


def found(content: Any, key: str) -> Any:
    """What stands at section.key; None if nothing does."""
    for name in key.split("."):
        content = content.get(name) if isinstance(content, dict) else None
    return content
