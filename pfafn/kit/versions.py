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
    command = ["git", "-C", str(PACKAGE), "describe", "--always", "--exclude=*", "--abbrev=64"]
    try:
        told = subprocess.run([*command, "--dirty=+dirty"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.decode().strip()
