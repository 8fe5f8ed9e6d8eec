"""Which code and which libraries compute here."""

import subprocess
from pathlib import Path

from pfafn.kit.files import files_hash

PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("albumentations", "numpy", "opencv-python-headless", "pandas", "pyarrow", "torch")


def code_version() -> str:
    """SHA-256 over the package's source files."""
    return files_hash(sorted(PACKAGE.rglob("*.py")), PACKAGE)


def git_commit() -> str | None:
    """Commit of the code, with "+dirty" if the tree differs; None outside a repository."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+dirty" if _git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*words: str) -> str:
    command = ["git", "-C", str(PACKAGE), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
