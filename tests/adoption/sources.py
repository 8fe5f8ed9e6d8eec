"""Sources for tests of what is taken over from them."""

from pathlib import Path


def touched(root: Path, *names: str) -> Path:
    """A folder with files of these names, each with its name in it."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root
