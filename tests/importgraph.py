"""What the import graph says of the project's modules."""

from pathlib import Path

from pfafn.kit.imports import OURS, ROOT, imported, path_of, reached

__all__ = ["OURS", "ROOT", "imported", "libraries", "module_of", "modules", "path_of", "reached"]


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(folder: str) -> list[str]:
    """Every module below a folder of the project."""
    return sorted(module_of(file) for file in (ROOT / folder).rglob("*.py"))


def libraries(module: str, *, top: bool = False) -> set[str]:
    """Top-level names of everything not ours that a module leads to."""
    names = {name for ours in reached(module, top=top) for name in imported(ours, top=top)}
    return {name.split(".")[0] for name in names} - set(OURS)
